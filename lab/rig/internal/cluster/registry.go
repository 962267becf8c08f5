package cluster

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/settings"
)

// Registry knows the agents of all running machines, decides for each cluster which machine
// holds the virtual address, and keeps that address up while there is an API behind it.
type Registry struct {
	hub *machine.Hub

	mu      sync.Mutex
	agents  []*Agent
	holders map[string]*Agent

	forwards map[string]*forward

	workloads map[string]*workloads
	materials func(program string) string
	volumes   string
}

// NewRegistry returns an empty registry; Run must be called. materials are what programs in pods need of
// the software they stand for, volumes is the folder of what they keep.
func NewRegistry(hub *machine.Hub, volumes string, materials func(program string) string) *Registry {
	return &Registry{
		hub: hub, holders: map[string]*Agent{}, forwards: map[string]*forward{}, workloads: map[string]*workloads{},
		materials: materials, volumes: volumes,
	}
}

// Run follows the machines until ctx ends.
func (r *Registry) Run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := r.hub.Changed()

		r.elect()
		r.forward()
		r.followWorkloads(ctx)

		select {
		case <-ctx.Done():
		case <-changed:
		}
	}

	for _, f := range r.forwards {
		f.close()
	}

	for _, w := range r.workloads {
		w.stop()
	}
}

func (r *Registry) add(a *Agent) {
	r.mu.Lock()
	r.agents = append(r.agents, a)
	r.mu.Unlock()
	r.hub.Notify()
}

func (r *Registry) remove(a *Agent) {
	r.mu.Lock()
	r.agents = slices.DeleteFunc(r.agents, func(other *Agent) bool { return other == a })
	r.mu.Unlock()
	r.hub.Notify()
}

// Agents returns the agents of all configured, running machines.
func (r *Registry) Agents() []*Agent {
	r.mu.Lock()
	defer r.mu.Unlock()

	return slices.Clone(r.agents)
}

// Cluster returns the agents of one cluster.
func (r *Registry) Cluster(id string) []*Agent {
	return slices.DeleteFunc(r.Agents(), func(a *Agent) bool { return a.ClusterID() != id })
}

// Of returns the agent of a session, or nil.
func (r *Registry) Of(s *machine.Session) *Agent {
	for _, a := range r.Agents() {
		if a.Session == s {
			return a
		}
	}

	return nil
}

// Holder is the machine that holds the cluster's virtual address, or nil.
func (r *Registry) Holder(id string) *Agent {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.holders[id]
}

// Authority is a control plane of the cluster, whose configuration has the keys.
func (r *Registry) Authority(id string) *machine.Session {
	for _, a := range r.Cluster(id) {
		if a.ControlPlane() {
			return a.Session
		}
	}

	return nil
}

// Live returns the control planes of a cluster whose API answers, the holder first.
func (r *Registry) Live(id string) []*Agent {
	holder := r.Holder(id)
	live := slices.DeleteFunc(r.Cluster(id), func(a *Agent) bool { return a.Etcd == nil || !a.Ready() })

	slices.SortStableFunc(live, func(a, b *Agent) int {
		switch {
		case a == holder:
			return -1
		case b == holder:
			return 1
		}

		return 0
	})

	return live
}

// elect leaves the virtual address where it is as long as that machine has quorum.
func (r *Registry) elect() {
	holders := map[string]*Agent{}

	for _, a := range r.Agents() {
		if a.Etcd == nil || !a.Etcd.Healthy() {
			continue
		}

		id := a.ClusterID()
		if holders[id] == nil || r.Holder(id) == a {
			holders[id] = a
		}
	}

	r.mu.Lock()
	changed := false

	for id, a := range holders {
		changed = changed || r.holders[id] != a
	}

	changed = changed || len(holders) != len(r.holders)
	r.holders = holders
	r.mu.Unlock()

	if changed {
		r.hub.Notify()
	}
}

// forward opens and closes the listeners of virtual addresses.
func (r *Registry) forward() {
	wanted := map[string]string{}

	for _, a := range r.Agents() {
		if a.Etcd == nil || len(r.Live(a.ClusterID())) == 0 {
			continue
		}

		for _, listen := range r.virtualAddresses(a) {
			wanted[listen] = a.ClusterID()
		}
	}

	for listen, f := range r.forwards {
		if _, ok := wanted[listen]; !ok {
			f.close()
			delete(r.forwards, listen)
		}
	}

	for listen, id := range wanted {
		if r.forwards[listen] == nil {
			if f, err := newForward(listen, func() []string { return r.targets(id) }); err == nil {
				r.forwards[listen] = f
			}
		}
	}
}

func (r *Registry) targets(id string) []string {
	var targets []string

	for _, a := range r.Live(id) {
		targets = append(targets, net.JoinHostPort(a.Spec.Address, strconv.Itoa(settings.APIPort(a.Config()))))
	}

	return targets
}

// virtualAddresses are the addresses a control plane shares: those its configuration names, or
// an endpoint that is a loopback address no machine has, which stands for a load balancer.
func (r *Registry) virtualAddresses(a *Agent) []string {
	addresses := a.VirtualIPs()
	endpoint := settings.Endpoint(a.Config())
	port := endpoint.Port()

	if port == "" {
		port = "443"
	}

	if address, err := netip.ParseAddr(endpoint.Hostname()); err == nil {
		addresses = append(addresses, address)
	}

	var listens []string

	for _, address := range addresses {
		if address.IsLoopback() && r.hub.At(address.String()) == nil {
			listens = append(listens, net.JoinHostPort(address.String(), port))
		}
	}

	return listens
}
