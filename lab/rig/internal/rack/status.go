package rack

import (
	"slices"
	"strings"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/settings"
	"plinth.dev/lab/rig/internal/workload"
)

// Status is the answer of GET /status.
type Status struct {
	Machines      []MachineStatus `json:"machines"`
	Clusters      []ClusterStatus `json:"clusters"`
	Unimplemented []Call          `json:"unimplemented"`
}

// MachineStatus is one machine.
type MachineStatus struct {
	Name    string        `json:"name"`
	Address string        `json:"address"`
	Power   string        `json:"power"`
	Stage   machine.Stage `json:"stage"`
	Talos   string        `json:"talos"`
	Slot    string        `json:"slot"`
	// Pending is the version that was installed beside the running one and boots next, if any.
	Pending   string        `json:"pending"`
	BootID    string        `json:"bootId"`
	Hostname  string        `json:"hostname"`
	Type      string        `json:"type"`
	Installed bool          `json:"installed"`
	Installs  int           `json:"installs"`
	Faults    []fault.Fault `json:"faults"`
	Processes []Process     `json:"processes"`
}

// Process is a real program of a machine.
type Process struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

// ClusterStatus is one cluster with at least one running machine.
type ClusterStatus struct {
	Name       string   `json:"name"`
	Endpoint   string   `json:"endpoint"`
	Quorum     bool     `json:"quorum"`
	APIServers []string `json:"apiservers"`
	// Holder is the machine that has the virtual address.
	Holder string `json:"holder"`
	// Controllers are the programs in its pods.
	Controllers []workload.Status `json:"controllers"`
}

// Call is a method that was asked for and is not implemented.
type Call struct {
	Method string `json:"method"`
	Count  int    `json:"count"`
}

// Status describes the rack now.
func (r *Rack) Status() Status {
	status := Status{Machines: []MachineStatus{}, Clusters: r.clusters(), Unimplemented: []Call{}}

	for _, m := range r.hub.Machines() {
		status.Machines = append(status.Machines, r.machineStatus(m))
	}

	for method, count := range r.api.Unimplemented() {
		status.Unimplemented = append(status.Unimplemented, Call{Method: method, Count: count})
	}

	slices.SortFunc(status.Unimplemented, func(a, b Call) int { return strings.Compare(a.Method, b.Method) })

	return status
}

func (r *Rack) machineStatus(m *machine.Machine) MachineStatus {
	disk := m.Store.Disk()
	out := MachineStatus{
		Name: m.Spec.Name, Address: m.Spec.Address, Power: "off", Stage: machine.StageOff, Slot: disk.Active, Installed: disk.Installed(), Installs: disk.Installs,
		Talos: disk.Current().Version, Faults: append([]fault.Fault{}, m.Faults.List()...), Processes: []Process{},
	}

	if out.Talos == "" {
		out.Talos = m.Spec.Talos
	}

	if disk.Powered {
		out.Power = "on"
		out.Stage = machine.StageBooting
	}

	s := m.Session()
	if s == nil {
		return out
	}

	out.Stage, out.BootID = s.Stage(), s.BootID

	// What runs is not always what the disk boots next.
	if out.Stage != machine.StageBooting {
		out.Talos, out.Slot = s.System.Version, s.Slot

		if next := disk.Next(); next != s.Slot {
			out.Pending = disk.Slots[next].Version
		}
	}

	if s.Config() == nil {
		return out
	}

	out.Hostname, out.Type = s.Hostname(), s.Type().String()

	if agent := r.registry.Of(s); agent != nil {
		for _, unit := range agent.Units() {
			if state := unit.State(); state.Running {
				out.Processes = append(out.Processes, Process{Name: unit.Name(), PID: state.PID})
			}
		}
	}

	return out
}

func (r *Rack) clusters() []ClusterStatus {
	list := []ClusterStatus{}
	seen := map[string]bool{}

	for _, a := range r.registry.Agents() {
		id := a.ClusterID()
		if seen[id] {
			continue
		}

		seen[id] = true
		cfg := a.Config()
		status := ClusterStatus{Name: settings.ClusterName(cfg), Endpoint: settings.Endpoint(cfg).String(), APIServers: []string{}, Controllers: []workload.Status{}}

		for _, member := range r.registry.Cluster(id) {
			status.Quorum = status.Quorum || hasQuorum(member)
		}

		for _, live := range r.registry.Live(id) {
			status.APIServers = append(status.APIServers, live.Spec.Name)
		}

		if holder := r.registry.Holder(id); holder != nil {
			status.Holder = holder.Spec.Name
		}

		if runtime := r.registry.Workloads(id); runtime != nil {
			status.Controllers = runtime.Status()
		}

		list = append(list, status)
	}

	return list
}

func hasQuorum(a *cluster.Agent) bool { return a.Etcd != nil && a.Etcd.Healthy() }
