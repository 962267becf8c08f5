package workload

import (
	"fmt"
	"slices"
)

// Fault is what is wrong with a program on purpose.
type Fault string

const (
	// Crash: its containers end as soon as they start; its pods are not ready.
	Crash Fault = "crash"
	// Hang: its pods stay ready, and it does nothing: its ports accept and never answer.
	Hang Fault = "hang"
)

// Faults are all known ones.
var Faults = []Fault{Crash, Hang}

// Break gives a program a fault, also in pods that are yet to come; an empty fault mends it.
func (r *Runtime) Break(name string, fault Fault) error {
	if !slices.ContainsFunc(Programs, func(p *Program) bool { return p.Name == name }) {
		return fmt.Errorf("there is no controller %q", name)
	}

	if fault != "" && !slices.Contains(Faults, fault) {
		return fmt.Errorf("unknown fault %q (use one of crash, hang)", fault)
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	r.faults[name] = fault

	for _, running := range r.instances {
		if running.program.Name == name {
			running.restart()
		}
	}

	return nil
}

func (r *Runtime) fault(name string) Fault {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.faults[name]
}
