package workload

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Dial reaches an address inside a cluster.
type Dial func(ctx context.Context, address string) (net.Conn, error)

// ServeEgress is the way of an API server into its cluster: a proxy that it asks for every connection
// to a webhook, an aggregated API or a node. Without one it could only reach addresses of this computer.
func ServeEgress(ctx context.Context, socket net.Listener, dial Dial) {
	tunnels := &tunnels{open: map[net.Conn]struct{}{}}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			if request.Method != http.MethodConnect {
				http.Error(w, "this proxy only connects", http.StatusMethodNotAllowed)

				return
			}

			to, err := dial(request.Context(), request.Host)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)

				return
			}

			tunnels.carry(w, to)
		}),
	}

	var tasks sync.WaitGroup

	tasks.Go(func() {
		<-ctx.Done()
		tunnels.close()

		_ = server.Close()
	})

	// It only ends when it is closed.
	if err := server.Serve(socket); errors.Is(err, http.ErrServerClosed) {
		tasks.Wait()
	}
}

// tunnels are the connections through a proxy.
type tunnels struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
	ends sync.WaitGroup
}

func (t *tunnels) carry(w http.ResponseWriter, to net.Conn) {
	defer to.Close() //nolint:errcheck // either side may have closed it

	from, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}

	defer from.Close() //nolint:errcheck // either side may have closed it

	if _, err = from.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil || !t.add(from, to) {
		return
	}

	defer t.remove(from, to)

	exchange(from, buffered, to)
}

func (t *tunnels) add(conns ...net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()

	if t.open == nil {
		return false
	}

	for _, conn := range conns {
		t.open[conn] = struct{}{}
	}

	t.ends.Add(1)

	return true
}

func (t *tunnels) remove(conns ...net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()

	for _, conn := range conns {
		delete(t.open, conn)
	}

	t.ends.Done()
}

func (t *tunnels) close() {
	t.mu.Lock()
	for conn := range t.open {
		_ = conn.Close()
	}

	t.open = nil
	t.mu.Unlock()
	t.ends.Wait()
}
