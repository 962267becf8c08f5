package rack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/spec"
)

const (
	socketName   = "rig.sock"
	maxRequest   = 64 << 10
	maxRigFile   = 4 << 20
	dialTimeout  = time.Second
	closeTimeout = time.Second
)

// listen takes the control socket, unless another rig answers on it.
func (r *Rack) listen() (net.Listener, error) {
	path := filepath.Join(r.spec.Dir, socketName)

	if conn, err := net.DialTimeout("unix", path, dialTimeout); err == nil {
		_ = conn.Close()

		return nil, fmt.Errorf("another rig already serves %s (stop it first)", r.spec.Dir)
	}

	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}

	return net.Listen("unix", path)
}

func (r *Rack) serveControl(ctx context.Context, socket net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, r.Status()) })
	mux.HandleFunc("POST /machines/{name}/power", r.with(r.power))
	mux.HandleFunc("POST /machines/{name}/wipe", r.with(func(_ context.Context, m *machine.Machine, _ []byte) error { return m.Wipe() }))
	mux.HandleFunc("POST /machines/{name}/faults", r.with(r.addFault))
	mux.HandleFunc("DELETE /machines/{name}/faults", r.with(func(ctx context.Context, m *machine.Machine, _ []byte) error {
		return r.removeFaults(ctx, m, "")
	}))
	mux.HandleFunc("DELETE /machines/{name}/faults/{fault}", func(w http.ResponseWriter, request *http.Request) {
		kind := fault.Kind(request.PathValue("fault"))
		r.with(func(ctx context.Context, m *machine.Machine, _ []byte) error { return r.removeFaults(ctx, m, kind) })(w, request)
	})

	mux.HandleFunc("PUT /controllers/{name}/fault", r.breakController)
	mux.HandleFunc("PUT /rig", r.reload)

	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	stopped := make(chan struct{})

	go func() {
		defer close(stopped)

		<-ctx.Done()

		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()

		if server.Shutdown(closing) != nil {
			_ = server.Close()
		}
	}()

	if err := server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
		return err
	}

	<-stopped

	return nil
}

type action func(ctx context.Context, m *machine.Machine, body []byte) error

// with finds the machine, acts, and answers with its status.
func (r *Rack) with(act action) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		m := r.hub.Machine(request.PathValue("name"))
		if m == nil {
			answer(w, http.StatusNotFound, failure(fmt.Errorf("there is no machine %q", request.PathValue("name"))))

			return
		}

		body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxRequest))
		if err == nil {
			err = act(request.Context(), m, body)
		}

		if err != nil {
			answer(w, http.StatusBadRequest, failure(err))

			return
		}

		answer(w, http.StatusOK, r.machineStatus(m))
	}
}

// reload takes a whole rig file and answers when every machine that is on can be reached.
func (r *Rack) reload(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxRigFile))

	var next *spec.Rig
	if err == nil {
		next, err = spec.Parse(body)
	}

	if err == nil {
		err = r.Reload(request.Context(), next)
	}

	if err != nil {
		answer(w, http.StatusBadRequest, failure(err))

		return
	}

	r.waitReachable(request.Context())
	answer(w, http.StatusOK, r.Status())
}

func failure(err error) map[string]string { return map[string]string{"error": err.Error()} }

func answer(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)

	_ = json.NewEncoder(w).Encode(value)
}

func (r *Rack) power(_ context.Context, m *machine.Machine, body []byte) error {
	var request struct {
		State string `json:"state"`
	}

	if err := json.Unmarshal(body, &request); err != nil {
		return fmt.Errorf("expected {\"state\":\"on|off|cycle\"}: %w", err)
	}

	switch request.State {
	case "on":
		return m.PowerOn()
	case "off":
		return m.PowerOff()
	case "cycle":
		return m.PowerCycle()
	default:
		return fmt.Errorf("unknown state %q (use on, off or cycle)", request.State)
	}
}
