package cluster

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"time"

	"k8s.io/client-go/rest"

	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/pki"
	"plinth.dev/lab/rig/internal/settings"
	"plinth.dev/lab/rig/internal/workload"
)

const (
	egressFile  = "egress.yaml"
	egressRetry = time.Second
)

var errNoServer = errors.New("no API server answers")

// workloads are the programs in the pods of one cluster.
type workloads struct {
	runtime *workload.Runtime
	cancel  context.CancelFunc
	done    chan struct{}
}

func (w *workloads) stop() {
	w.cancel()
	<-w.done
}

// followWorkloads runs the programs of every cluster as long as it has machines.
func (r *Registry) followWorkloads(ctx context.Context) {
	wanted := map[string]bool{}
	for _, a := range r.Agents() {
		wanted[a.ClusterID()] = true
	}

	r.mu.Lock()
	var ended []*workloads
	for id, w := range r.workloads {
		if !wanted[id] {
			ended = append(ended, w)
			delete(r.workloads, id)
		}
	}
	r.mu.Unlock()

	for _, w := range ended {
		w.stop()
	}

	for id := range wanted {
		if r.Workloads(id) != nil || len(r.Live(id)) == 0 {
			continue
		}

		if err := r.beginWorkloads(ctx, id); err != nil {
			log.Printf("pods of %s: %v", id, err)
		}
	}
}

func (r *Registry) beginWorkloads(ctx context.Context, id string) error {
	authority := r.Authority(id)
	if authority == nil {
		return nil
	}

	cfg := authority.Config()

	pair, err := pki.Issue(settings.KubernetesCA(cfg), pki.Leaf{Name: "runtime", Organizations: []string{"system:masters"}, Usage: pki.ClientAuth})
	if err != nil {
		return err
	}

	runtime, err := workload.NewRuntime(&rest.Config{
		// Whichever API server of the cluster answers; all of them have this name.
		Host:            "https://kubernetes.default.svc",
		TLSClientConfig: rest.TLSClientConfig{CAData: settings.KubernetesCA(cfg).Crt, CertData: pair.CrtPEM, KeyData: pair.KeyPEM},
		Dial:            func(ctx context.Context, _, _ string) (net.Conn, error) { return r.dialServer(ctx, id) },
		QPS:             100, Burst: 200,
	}, r.volumes, r.materials, func(format string, args ...any) { log.Printf("pod "+format, args...) })
	if err != nil {
		return err
	}

	running, cancel := context.WithCancel(ctx)
	w := &workloads{runtime: runtime, cancel: cancel, done: make(chan struct{})}

	r.mu.Lock()
	r.workloads[id] = w
	r.mu.Unlock()

	go func() {
		defer close(w.done)

		r.keepManifests(running, id, runtime)
		runtime.Run(running)
	}()

	return nil
}

// Workloads is the runtime of a cluster's pods, or nil before there is one.
func (r *Registry) Workloads(id string) *workload.Runtime {
	r.mu.Lock()
	defer r.mu.Unlock()

	if w := r.workloads[id]; w != nil {
		return w.runtime
	}

	return nil
}

// BreakController gives a program a fault in every cluster.
func (r *Registry) BreakController(name string, fault workload.Fault) error {
	r.mu.Lock()
	defer r.mu.Unlock()

	err := errNoServer
	for _, w := range r.workloads {
		err = w.runtime.Break(name, fault)
	}

	return err
}

func (r *Registry) dialServer(ctx context.Context, id string) (net.Conn, error) {
	err := errNoServer

	for _, target := range r.targets(id) {
		conn, failed := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", target)
		if failed == nil {
			return conn, nil
		}

		err = failed
	}

	return nil, err
}

// egressSocket is where a machine's API server finds the way into its cluster: a name, not a file, so
// that it is as short as it must be and ends with the rig.
func egressSocket(s *machine.Session) string {
	return "@plinth-rig-" + fingerprint(s.RunDir())
}

// egressDocument sends everything for the inside of the cluster there.
func egressDocument(s *machine.Session) []byte {
	return fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
  - name: cluster
    connection:
      proxyProtocol: HTTPConnect
      transport: {uds: {udsName: %q}}
`, egressSocket(s))
}

// serveEgress is the network of a machine's API server.
func (a *Agent) serveEgress(ctx context.Context) {
	for ctx.Err() == nil {
		socket, err := net.Listen("unix", egressSocket(a.Session))
		a.complain("the network of kube-apiserver", err)

		if err == nil {
			workload.ServeEgress(ctx, socket, a.dialCluster)

			continue
		}

		select {
		case <-ctx.Done():
		case <-time.After(egressRetry):
		}
	}
}

func (a *Agent) dialCluster(ctx context.Context, address string) (net.Conn, error) {
	if runtime := a.registry.Workloads(a.ClusterID()); runtime != nil {
		return runtime.Dial()(ctx, address)
	}

	// Machines are there before there are pods.
	if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().IsLoopback() {
		return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
	}

	return nil, errNoServer
}
