// Package machine is the life of one simulated Talos machine: power, boot, maintenance,
// installation, A/B slots and reboots. It knows no API and no Kubernetes; a Runner brings those
// up in each boot and takes them down when the boot ends.
package machine

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/spec"
)

// Runner is what runs on a booted machine. It starts things and returns how to stop them at
// once; stop returns when nothing of the boot is left.
type Runner interface {
	Maintenance(*Session) (stop func(), err error)
	Configured(*Session) (stop func(), err error)
}

// Machine is one machine of the rack.
type Machine struct {
	Spec    spec.Machine
	Address netip.Addr
	// Dir holds what is on the machine's disks.
	Dir    string
	Store  *Store
	Faults *fault.Set
	Hub    *Hub

	bootDelay time.Duration
	runner    Runner
	powered   chan struct{}

	mu      sync.Mutex
	session *Session
	known   Membership
}

// New opens the machine's disk below dir.
func New(hardware spec.Machine, dir string, bootDelay time.Duration, hub *Hub, runner Runner) (*Machine, error) {
	address, err := netip.ParseAddr(hardware.Address)
	if err != nil {
		return nil, err
	}

	fresh := Disk{Powered: hardware.Powered == nil || *hardware.Powered}

	store, err := OpenStore(filepath.Join(dir, "disk.json"), fresh)
	if err != nil {
		return nil, err
	}

	return &Machine{
		Spec: hardware, Address: address, Dir: dir, Store: store, Faults: fault.NewSet(store.Disk().Faults), Hub: hub,
		bootDelay: bootDelay, runner: runner, powered: make(chan struct{}, 1),
	}, nil
}

// Run lives until ctx ends: one session after another while there is power.
func (m *Machine) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if !m.Store.Disk().Powered {
			select {
			case <-m.powered:
			case <-ctx.Done():
			}

			continue
		}

		if err := m.boot(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", m.Spec.Name, err)

			select {
			case <-m.powered:
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}
}

// Session is the current boot, or nil when the machine is off or between two boots.
func (m *Machine) Session() *Session {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.session
}

func (m *Machine) setSession(s *Session) {
	m.mu.Lock()
	m.session = s
	m.mu.Unlock()
	m.Hub.Notify()
}

// PowerOn plugs the machine in.
func (m *Machine) PowerOn() error {
	if err := m.Store.Update(func(d *Disk) { d.Powered = true }); err != nil {
		return err
	}

	select {
	case m.powered <- struct{}{}:
	default:
	}

	return nil
}

// PowerOff pulls the plug: nothing is told, nothing is written. It returns when nothing runs.
func (m *Machine) PowerOff() error {
	if err := m.Store.Update(func(d *Disk) { d.Powered = false }); err != nil {
		return err
	}

	m.end(errPowerOff)
	m.waitOff()

	return nil
}

// PowerCycle pulls the plug and puts it back.
func (m *Machine) PowerCycle() error {
	if err := m.PowerOn(); err != nil {
		return err
	}

	m.end(errPowerOff)

	return nil
}

// Wipe puts fresh disks into the machine.
func (m *Machine) Wipe() error {
	powered := m.Store.Disk().Powered
	if err := m.PowerOff(); err != nil {
		return err
	}

	if err := m.Store.Update(func(d *Disk) { *d = Disk{Faults: d.Faults, Installs: d.Installs, WipeData: true} }); err != nil {
		return err
	}

	if !powered {
		return nil
	}

	return m.PowerOn()
}

// DataDir is the ephemeral partition.
func (m *Machine) DataDir() string { return filepath.Join(m.Dir, "var") }

// RunDir holds what every boot makes anew.
func (m *Machine) RunDir() string { return filepath.Join(m.Dir, "run") }

// Now is the machine's own clock.
func (m *Machine) Now() time.Time { return time.Now().Add(m.Faults.Skew()) }

// end stops the current boot, if there is one.
func (m *Machine) end(cause error) {
	if s := m.Session(); s != nil {
		s.End(cause)
	}
}

func (m *Machine) waitOff() {
	for {
		changed := m.Hub.Changed()

		if m.Session() == nil {
			return
		}

		<-changed
	}
}

// boot runs one session from power to its end.
func (m *Machine) boot(ctx context.Context) error {
	if err := os.RemoveAll(m.RunDir()); err != nil {
		return err
	}

	if err := m.finishWipe(); err != nil {
		return err
	}

	s, err := newSession(ctx, m)
	if err != nil {
		return err
	}

	m.setSession(s)

	err = s.live()

	s.SetStage(StageOff)
	m.setSession(nil)
	s.close()

	return err
}

// finishWipe does what a reset has promised, even when the rig was killed in between.
func (m *Machine) finishWipe() error {
	if !m.Store.Disk().WipeData {
		return nil
	}

	if err := os.RemoveAll(m.DataDir()); err != nil {
		return err
	}

	return m.Store.Update(func(d *Disk) { d.WipeData = false })
}
