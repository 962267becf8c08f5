// Package rack puts machines, their APIs and their clusters together and serves the socket by
// which a person or a test plays with them.
package rack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/cosi-project/runtime/pkg/state"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/cosi"
	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/rules"
	"plinth.dev/lab/rig/internal/spec"
	"plinth.dev/lab/rig/internal/talosapi"
)

// Rack is all machines of a rig file.
type Rack struct {
	spec     *spec.Rig
	hub      *machine.Hub
	registry *cluster.Registry
	api      *talosapi.API
	rules    *rules.Rules
	tools    *spec.Toolbox

	// mu is held while machines come and go.
	mu    sync.Mutex
	lives *lives
}

// New opens the machines' disks; nothing runs yet.
func New(rig *spec.Rig) (*Rack, error) {
	hub := machine.NewHub()
	tools := spec.NewToolbox(rig.Tools)
	tools.Supply(rig.Materials)
	registry := cluster.NewRegistry(hub, filepath.Join(rig.Dir, "volumes"), tools.Material)
	judges := rules.New(tools)
	r := &Rack{spec: rig, hub: hub, registry: registry, api: talosapi.New(hub, registry, judges), rules: judges, tools: tools}

	if err := os.MkdirAll(rig.Dir, 0o700); err != nil {
		return nil, err
	}

	for _, hardware := range rig.Machines {
		if err := r.add(hardware); err != nil {
			return nil, err
		}
	}

	return r, nil
}

// Run runs all machines and the control socket until ctx ends; then nothing is left running.
// ready is called once when every machine that is on can be reached.
func (r *Rack) Run(ctx context.Context, ready func()) error {
	socket, err := r.listen()
	if err != nil {
		return err
	}

	var tasks sync.WaitGroup

	tasks.Go(func() { r.registry.Run(ctx) })

	r.mu.Lock()
	r.lives = &lives{ctx: ctx, ends: map[*machine.Machine]func(){}}

	for _, m := range r.hub.Machines() {
		r.lives.begin(m)
	}
	r.mu.Unlock()

	tasks.Go(func() {
		if r.waitReachable(ctx) {
			ready()
		}
	})

	err = r.serveControl(ctx, socket)

	tasks.Wait()

	r.mu.Lock()
	defer r.mu.Unlock()

	r.lives.end()

	return err
}

// waitReachable returns true when every machine that is on listens, or cannot until others do.
func (r *Rack) waitReachable(ctx context.Context) bool {
	for {
		changed := r.hub.Changed()
		missing := 0

		for _, m := range r.hub.Machines() {
			if m.Store.Disk().Powered && !r.reachable(m) {
				missing++
			}
		}

		if missing == 0 {
			return true
		}

		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

func (r *Rack) reachable(m *machine.Machine) bool {
	s := m.Session()

	switch {
	case s == nil || s.Stage() == machine.StageBooting:
		return false
	case s.Stage() == machine.StageFailed || s.Stage() == machine.StageNoDevice || s.Stage() == machine.StageHalted || m.Faults.Has(fault.Refuse):
		return true
	case s.Config() != nil && !s.ControlPlane() && r.registry.Authority(s.ClusterID()) == nil:
		return !r.somebodyBoots()
	}

	return r.api.Listening(m)
}

// somebodyBoots says whether a machine that is on has yet to show what it is.
func (r *Rack) somebodyBoots() bool {
	for _, m := range r.hub.Machines() {
		s := m.Session()
		if m.Store.Disk().Powered && (s == nil || s.Stage() == machine.StageBooting) {
			return true
		}
	}

	return false
}

// Maintenance serves a machine that nobody has configured.
func (r *Rack) Maintenance(s *machine.Session) (func(), error) {
	return r.boot(s, func(state.State) *cluster.Agent { return nil })
}

// Configured runs a machine with its configuration.
func (r *Rack) Configured(s *machine.Session) (func(), error) {
	if err := r.rules.Load(s.Context(), s.Release(), s.Store.Disk().Config); err != nil {
		return nil, fmt.Errorf("failed to load the machine configuration: %w", err)
	}

	return r.boot(s, func(st state.State) *cluster.Agent { return r.registry.Start(s, r.tools, st) })
}

// systemServices are the services of a machine that are not programs here.
var systemServices = []string{"apid", "auditd", "containerd", "machined", "syslogd", "udevd"}

func (r *Rack) boot(s *machine.Session, start func(state.State) *cluster.Agent) (func(), error) {
	ctx, cancel := context.WithCancel(s.Context())

	st, err := cosi.NewState(ctx)
	if err != nil {
		cancel()

		return nil, err
	}

	for _, id := range systemServices {
		s.SetService(id, machine.ServiceRunning, "Health check successful", true)
	}

	agent := start(st)

	if agent != nil {
		s.SetService("cri", machine.ServiceRunning, "Health check successful", true)
	}

	if s.ControlPlane() {
		s.SetService("trustd", machine.ServiceRunning, "Health check successful", true)
	}

	publisher := cosi.NewPublisher(st, cosi.ForSession(s, agent))

	var tasks sync.WaitGroup

	tasks.Go(func() {
		publisher.Run(ctx, s.Hub.Changed, func(err error) { s.Log.Printf("resources: %v", err) })
	})
	tasks.Go(func() { followReadiness(ctx, s) })

	stopAPI, err := r.api.Serve(s, agent, st)

	stop := func() {
		cancel()

		var stopping sync.WaitGroup

		if stopAPI != nil {
			stopping.Go(stopAPI)
		}

		if agent != nil {
			stopping.Go(agent.Stop)
		}

		stopping.Wait()
		tasks.Wait()
	}

	if err != nil {
		stop()

		return nil, err
	}

	return stop, nil
}

// followReadiness: a running machine is ready when all its services are healthy.
func followReadiness(ctx context.Context, s *machine.Session) {
	for ctx.Err() == nil {
		changed := s.Hub.Changed()
		ready := true

		for _, service := range s.Services.List() {
			ready = ready && (service.Healthy || service.Unknown)
		}

		s.SetReady(ready)

		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}
