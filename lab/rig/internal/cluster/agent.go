// Package cluster runs what makes machines a Kubernetes cluster: a real etcd member and a real
// API server on every control plane, one controller manager, scheduler and kwok on the machine
// that holds the virtual address, that address itself, and the Node object of each machine. All
// of it follows the machine configuration while it runs; without an etcd quorum there is no API.
package cluster

import (
	"context"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/config"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/process"
	"plinth.dev/lab/rig/internal/spec"
)

// Agent is the Kubernetes side of one boot of one configured machine.
type Agent struct {
	*machine.Session

	Etcd *Etcd

	registry *Registry
	tools    *spec.Toolbox
	state    state.State
	kubelet  *kubelet

	apiServer, controllerManager, scheduler, kwok *process.Unit

	mu    sync.Mutex
	ready bool
	// stopped: a reset has taken Kubernetes down for good.
	stopped bool
	probe   *http.Client
	// failures are the last complaint of each component, so that each is logged once.
	failures map[string]string

	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// Start runs the Kubernetes side of a session until Stop. st is where its resources are shown.
func (r *Registry) Start(s *machine.Session, tools *spec.Toolbox, st state.State) *Agent {
	ctx, cancel := context.WithCancel(s.Context())
	a := &Agent{Session: s, registry: r, tools: tools, state: st, cancel: cancel, failures: map[string]string{}}
	a.kubelet = newKubelet(a)

	if s.ControlPlane() {
		a.Etcd = newEtcd(s, func() (string, error) { return a.binary("etcd", s.Config().Cluster().Etcd().Image()) })
		a.apiServer = a.unit("kube-apiserver")
		a.controllerManager = a.unit("kube-controller-manager")
		a.scheduler = a.unit("kube-scheduler")
		a.kwok = a.unit("kwok")
	}

	r.add(a)

	a.goRun(func() { a.kubelet.run(ctx) })
	a.goRun(func() { a.followFreeze(ctx) })

	if a.Etcd != nil {
		a.goRun(func() { a.Etcd.run(ctx, a.peers) })
		a.goRun(func() { a.watchHealth(ctx) })
		a.goRun(func() { a.followConfig(ctx) })
		a.goRun(func() { a.serveEgress(ctx) })
	}

	return a
}

// Stop kills everything at once, as a loss of power does.
func (a *Agent) Stop() {
	a.cancel()
	a.registry.remove(a)

	var stopping sync.WaitGroup
	for _, unit := range a.Units() {
		stopping.Go(unit.Close)
	}

	stopping.Wait()
	a.tasks.Wait()

	if a.Etcd != nil {
		a.Etcd.stop()
	}
}

// StopKubernetes stops the Kubernetes programs in an orderly way, before a reset.
func (a *Agent) StopKubernetes() {
	a.kubelet.stop()
	a.registry.remove(a)

	a.mu.Lock()
	a.stopped = true
	a.mu.Unlock()

	for _, unit := range []*process.Unit{a.apiServer, a.controllerManager, a.scheduler, a.kwok} {
		if unit != nil {
			unit.Want(nil)
		}
	}
}

// Units are the programs that run on the machine.
func (a *Agent) Units() []*process.Unit {
	if a.Etcd == nil {
		return nil
	}

	return []*process.Unit{a.Etcd.unit, a.apiServer, a.controllerManager, a.scheduler, a.kwok}
}

func (a *Agent) unit(name string) *process.Unit {
	return process.NewUnit(name, filepath.Join(a.RunDir(), "log", name+".log"), a.Hub.Notify)
}

func (a *Agent) goRun(task func()) { a.tasks.Go(task) }

// CheckImage says why an image cannot be had. Only images that are programs here are known; all
// others are taken to exist.
func (a *Agent) CheckImage(image string) error {
	name, _, _ := strings.Cut(path.Base(image), ":")
	if !a.tools.Has(name) {
		return nil
	}

	_, err := a.binary(name, image)

	return err
}

// binary finds the program for an image, by the image's tag.
func (a *Agent) binary(program, image string) (string, error) {
	return a.tools.Find(program, machine.ImageVersion(image))
}

func (a *Agent) peers() []*Etcd {
	var peers []*Etcd
	for _, other := range a.registry.Cluster(a.ClusterID()) {
		if other.Etcd != nil {
			peers = append(peers, other.Etcd)
		}
	}

	return peers
}

// followConfig makes the programs follow the configuration, the quorum and the virtual address.
func (a *Agent) followConfig(ctx context.Context) {
	for ctx.Err() == nil {
		changed := a.Hub.Changed()
		cfg := a.Config()

		a.mu.Lock()
		stopped := a.stopped
		a.mu.Unlock()

		if stopped {
			return
		}

		a.complain("etcd", a.Etcd.reconcile(cfg))
		a.complain("kube-apiserver", a.reconcileAPIServer(cfg))
		a.reconcileControllers(cfg)

		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

func (a *Agent) reconcileAPIServer(cfg config.Provider) error {
	if !a.Etcd.Healthy() {
		// What a kubelet does after failed liveness probes, without the wait.
		a.apiServer.Want(nil)

		return nil
	}

	path, err := a.binary("kube-apiserver", cfg.K8sAPIServerConfig().Image())
	if err != nil {
		// The old program is gone and the image of the new one cannot be pulled.
		a.apiServer.Want(nil)

		return err
	}

	command, err := apiServerCommand(a.Session, cfg, path, a.Etcd.Endpoint())
	if err != nil {
		return err
	}

	a.apiServer.Want(command)

	return nil
}

// reconcileControllers runs the single-instance programs where the virtual address is.
func (a *Agent) reconcileControllers(cfg config.Provider) {
	holds := a.registry.Holder(a.ClusterID()) == a

	for _, program := range []struct {
		unit    *process.Unit
		image   string
		command func(*machine.Session, config.Provider, string) (*process.Command, error)
	}{
		{a.controllerManager, cfg.K8sControllerManagerConfig().Image(), controllerManagerCommand},
		{a.scheduler, cfg.K8sSchedulerConfig().Image(), schedulerCommand},
		{a.kwok, "", kwokCommand},
	} {
		path, err := a.binary(program.unit.Name(), program.image)

		var command *process.Command

		if err == nil && holds {
			command, err = program.command(a.Session, cfg, path)
		}

		program.unit.Want(command)
		a.complain(program.unit.Name(), err)
	}
}

func (a *Agent) complain(component string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}

	a.mu.Lock()
	repeated := a.failures[component] == text
	a.failures[component] = text
	a.mu.Unlock()

	if !repeated && err != nil {
		a.Log.Printf("%s: %v", component, err)
	}
}

// Failure is why a component cannot run, if it cannot.
func (a *Agent) Failure(component string) string {
	a.mu.Lock()
	defer a.mu.Unlock()

	return a.failures[component]
}

// followFreeze stops and continues all programs while the machine hangs.
func (a *Agent) followFreeze(ctx context.Context) {
	for ctx.Err() == nil {
		changed := a.Faults.Changed()
		frozen := a.Faults.Has(fault.Hang)

		for _, unit := range a.Units() {
			unit.Freeze(frozen)
		}

		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}
