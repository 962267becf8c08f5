package rack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/workload"
)

// addFault breaks a machine. Most faults are only looked up by whoever they concern; some act.
func (r *Rack) addFault(ctx context.Context, m *machine.Machine, body []byte) error {
	f, err := fault.Parse(body)
	if err != nil {
		return err
	}

	switch f.Kind {
	case fault.Off:
		err = m.PowerOff()
	case fault.GhostMember:
		err = r.onMember(m, func(e *cluster.Etcd) error { return e.AddGhost(ctx) })
	case fault.DiskFull:
		if agent := r.agent(m); agent != nil && agent.Etcd != nil {
			err = agent.Etcd.RaiseNoSpace(ctx)
		}
	case fault.DuplicateAddress:
		err = r.onNode(m, func(a *cluster.Agent) error { return a.AddOldNode(ctx) })
	case fault.Hang, fault.Refuse, fault.BootFailure, fault.APIDenied, fault.NoReboot, fault.ClockSkew, fault.DeniedAfterInstall, fault.InstallCut, fault.StaleMember:
	}

	if err != nil {
		return err
	}

	m.Faults.Add(f)

	return r.keepFaults(m)
}

// removeFaults repairs a machine: one fault, or all when kind is empty.
func (r *Rack) removeFaults(ctx context.Context, m *machine.Machine, kind fault.Kind) error {
	if kind != "" && !slices.Contains(fault.Kinds, kind) {
		return fmt.Errorf("unknown fault %q", kind)
	}

	var problems []error

	for _, f := range m.Faults.Remove(kind) {
		switch f.Kind {
		case fault.Off:
			problems = append(problems, m.PowerOn())
		case fault.GhostMember:
			problems = append(problems, r.onMember(m, func(e *cluster.Etcd) error { return e.RemoveGhost(ctx) }))
		case fault.DiskFull:
			if agent := r.agent(m); agent != nil && agent.Etcd != nil {
				problems = append(problems, agent.Etcd.ClearNoSpace(ctx))
			}
		case fault.DuplicateAddress:
			problems = append(problems, r.onNode(m, func(a *cluster.Agent) error { return a.RemoveOldNode(ctx) }))
		case fault.Hang, fault.Refuse, fault.BootFailure, fault.APIDenied, fault.NoReboot, fault.ClockSkew, fault.DeniedAfterInstall, fault.InstallCut, fault.StaleMember:
		}
	}

	return errors.Join(append(problems, r.keepFaults(m))...)
}

// breakController gives a program in pods a fault, or takes it away with an empty one, in every cluster.
func (r *Rack) breakController(w http.ResponseWriter, request *http.Request) {
	var body struct {
		Fault workload.Fault `json:"fault"`
	}

	raw, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxRequest))
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}

	if err == nil {
		err = r.registry.BreakController(request.PathValue("name"), body.Fault)
	}

	if err != nil {
		answer(w, http.StatusBadRequest, failure(err))

		return
	}

	answer(w, http.StatusOK, r.Status())
}

func (r *Rack) keepFaults(m *machine.Machine) error {
	r.hub.Notify()

	return m.Store.Update(func(d *machine.Disk) { d.Faults = m.Faults.List() })
}

func (r *Rack) agent(m *machine.Machine) *cluster.Agent {
	s := m.Session()
	if s == nil {
		return nil
	}

	return r.registry.Of(s)
}

func (r *Rack) onMember(m *machine.Machine, act func(*cluster.Etcd) error) error {
	agent := r.agent(m)
	if agent == nil || agent.Etcd == nil || !agent.Etcd.Healthy() {
		return fmt.Errorf("%s runs no healthy etcd member", m.Spec.Name)
	}

	return act(agent.Etcd)
}

// onNode needs the machine in a running cluster.
func (r *Rack) onNode(m *machine.Machine, act func(*cluster.Agent) error) error {
	agent := r.agent(m)
	if agent == nil {
		return fmt.Errorf("%s belongs to no cluster", m.Spec.Name)
	}

	return act(agent)
}
