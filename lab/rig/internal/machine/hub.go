package machine

import (
	"net/netip"
	"slices"
	"sync"
)

// Hub is the room the machines stand in: who is there, and one bell that rings at every change.
type Hub struct {
	mu       sync.Mutex
	changed  chan struct{}
	machines []*Machine
}

// NewHub returns an empty room.
func NewHub() *Hub { return &Hub{changed: make(chan struct{})} }

// Add puts a machine into the room.
func (h *Hub) Add(m *Machine) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.machines = append(h.machines, m)
}

// Remove takes a machine out of the room.
func (h *Hub) Remove(m *Machine) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.machines = slices.DeleteFunc(slices.Clone(h.machines), func(other *Machine) bool { return other == m })
}

// Machines returns all machines in the order of the file.
func (h *Hub) Machines() []*Machine {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.machines[:len(h.machines):len(h.machines)]
}

// Machine finds a machine by name, or nil.
func (h *Hub) Machine(name string) *Machine {
	for _, m := range h.Machines() {
		if m.Spec.Name == name {
			return m
		}
	}

	return nil
}

// At finds the machine that has an address, or nil.
func (h *Hub) At(address string) *Machine {
	want, err := netip.ParseAddr(address)
	if err != nil {
		return nil
	}

	for _, m := range h.Machines() {
		if m.Address == want {
			return m
		}
	}

	return nil
}

// Cluster returns the sessions of running machines that belong to a cluster.
func (h *Hub) Cluster(id string) []*Session {
	var sessions []*Session

	for _, m := range h.Machines() {
		if s := m.Session(); s != nil && s.ClusterID() == id && id != "" {
			sessions = append(sessions, s)
		}
	}

	return sessions
}

// Notify rings the bell.
func (h *Hub) Notify() {
	h.mu.Lock()
	defer h.mu.Unlock()

	close(h.changed)
	h.changed = make(chan struct{})
}

// Changed returns a channel closed at the next ring.
func (h *Hub) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.changed
}
