package cluster

import (
	"io"
	"net"
	"sync"
	"time"
)

// forward carries connections from a shared address to the first target that accepts.
type forward struct {
	listener net.Listener
	targets  func() []string

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	done  sync.WaitGroup
}

func newForward(listen string, targets func() []string) (*forward, error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}

	f := &forward{listener: listener, targets: targets, conns: map[net.Conn]struct{}{}}
	f.done.Go(f.accept)

	return f, nil
}

// close drops the address and every connection through it.
func (f *forward) close() {
	_ = f.listener.Close()

	f.mu.Lock()
	for conn := range f.conns {
		_ = conn.Close()
	}
	f.conns = nil
	f.mu.Unlock()
	f.done.Wait()
}

func (f *forward) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}

		f.done.Go(func() { f.carry(conn) })
	}
}

func (f *forward) carry(from net.Conn) {
	defer from.Close() //nolint:errcheck // either side may have closed it

	to := f.dial()
	if to == nil {
		return
	}

	defer to.Close() //nolint:errcheck // either side may have closed it

	if !f.hold(from, to) {
		return
	}

	defer f.release(from, to)

	var halves sync.WaitGroup

	for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
		halves.Go(func() {
			_, _ = io.Copy(pair[1], pair[0])
			_ = pair[1].Close()
			_ = pair[0].Close()
		})
	}

	halves.Wait()
}

func (f *forward) dial() net.Conn {
	for _, target := range f.targets() {
		if conn, err := net.DialTimeout("tcp", target, time.Second); err == nil {
			return conn
		}
	}

	return nil
}

func (f *forward) hold(conns ...net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()

	if f.conns == nil {
		return false
	}

	for _, conn := range conns {
		f.conns[conn] = struct{}{}
	}

	return true
}

func (f *forward) release(conns ...net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()

	for _, conn := range conns {
		delete(f.conns, conn)
	}
}
