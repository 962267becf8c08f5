package machine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/release"
)

var (
	errReboot   = errors.New("reboot")
	errPowerOff = errors.New("power off")
)

// Session is one boot of a machine, from firmware to the loss of power.
type Session struct {
	*Machine

	BootID string
	// Slot is the booted slot, empty when the machine booted from the installation medium.
	Slot string
	// System is what was booted.
	System   Slot
	Events   *Events
	Log      *Log
	Services *Services
	Started  time.Time

	ctx    context.Context //nolint:containedctx // a session is a lifetime
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	stage    Stage
	ready    bool
	active   config.Provider
	rollback *time.Timer
	// stored is the parsed form of storedText, the configuration on the disk.
	stored     config.Provider
	storedText string

	sequence sync.Mutex
}

func newSession(ctx context.Context, m *Machine) (*Session, error) {
	log, err := openLog(m.Spec.Name, filepath.Join(m.RunDir(), "dmesg.log"), m.Now)
	if err != nil {
		return nil, err
	}

	s := &Session{
		Machine: m, BootID: uuid.NewString(), Events: newEvents(), Log: log, Services: &Services{},
		Started: time.Now(), stage: StageBooting,
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)

	return s, nil
}

// Release is the Talos version the machine runs. An image whose tag is no version runs as the
// version of the installation medium, which was checked.
func (s *Session) Release() release.Release {
	if running, err := release.Parse(s.System.Version); err == nil {
		return running
	}

	medium, _ := release.Parse(s.Spec.Talos)

	return medium
}

// Context ends with the session.
func (s *Session) Context() context.Context { return s.ctx }

// End stops the session at once.
func (s *Session) End(cause error) { s.cancel(cause) }

func (s *Session) close() {
	s.cancel(errPowerOff)
	s.cancelRollback()
	s.Log.close()
}

// live goes through the boot and returns when the session is over.
func (s *Session) live() error {
	s.Log.Printf("booting, boot id %s", s.BootID)
	s.announce(StageBooting, false)

	select {
	case <-time.After(s.bootDelay):
	case <-s.ctx.Done():
		return nil
	}

	found, onTrial, err := s.firmware()
	if err != nil || !found {
		return err
	}

	if onTrial && s.Faults.Has(fault.BootFailure) {
		return s.giveUp(errors.New("the boot sequence failed"))
	}

	disk := s.Store.Disk()
	start := s.runner.Maintenance

	if disk.Config != "" {
		provider, err := configloader.NewFromBytes([]byte(disk.Config))
		if err != nil {
			return fmt.Errorf("stored machine configuration: %w", err)
		}

		s.mu.Lock()
		s.active = provider
		s.mu.Unlock()

		start = s.runner.Configured
	}

	stop, err := start(s)
	if err != nil {
		if onTrial {
			return s.giveUp(err)
		}

		s.Log.Printf("boot failed: %v", err)
		s.SetStage(StageFailed)
		<-s.ctx.Done()

		return nil
	}

	if onTrial {
		if err = s.Store.Update(func(d *Disk) { d.Active, d.Trial = d.Trial, "" }); err != nil {
			stop()

			return err
		}
	}

	if disk.Config == "" {
		s.SetStage(StageMaintenance)
	} else {
		s.SetStage(StageRunning)
	}

	<-s.ctx.Done()
	stop()

	return nil
}

// chooseSlot boots the freshly written slot if there is one, and says whether it did.
func (s *Session) chooseSlot() (onTrial bool) {
	disk := s.Store.Disk()

	s.Slot, s.System = disk.Active, disk.Current()

	switch {
	case disk.Trial != "":
		s.Slot, s.System = disk.Trial, disk.Slots[disk.Trial]
	case s.Slot == "":
		s.System = Slot{Version: s.Spec.Talos}
	}

	s.Log.Printf("running Talos %s", s.System.Version)

	return disk.Trial != ""
}

// giveUp keeps the slot that was to be replaced: a new system whose boot sequence fails reverts the
// boot loader and reboots, all by itself.
func (s *Session) giveUp(reason error) error {
	s.Log.Printf("slot %s did not boot: %v; going back to slot %s", s.Slot, reason, s.Store.Disk().Active)
	s.SetStage(StageFailed)

	return s.Store.Update(func(d *Disk) { d.Trial = "" })
}

// Stage is where the session is.
func (s *Session) Stage() Stage {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.stage
}

// Ready says whether a running machine has all its services up.
func (s *Session) Ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.ready
}

// SetStage moves on and tells everybody.
func (s *Session) SetStage(stage Stage) {
	s.mu.Lock()
	changed := s.stage != stage
	s.stage = stage
	ready := s.ready && stage == StageRunning
	s.ready = ready
	s.mu.Unlock()

	if changed {
		s.announce(stage, ready)
		s.Hub.Notify()
	}
}

// SetReady says that the running machine has (or has lost) all its services.
func (s *Session) SetReady(ready bool) {
	s.mu.Lock()
	stage := s.stage
	ready = ready && stage == StageRunning
	changed := s.ready != ready
	s.ready = ready
	s.mu.Unlock()

	if changed {
		s.announce(stage, ready)
		s.Hub.Notify()
	}
}

func (s *Session) announce(stage Stage, ready bool) {
	s.Events.Emit("", &machineapi.MachineStatusEvent{
		Stage:  stage.Event(),
		Status: &machineapi.MachineStatusEvent_MachineStatus{Ready: ready},
	})
}

// SetService records a service's state and tells everybody when it changed.
func (s *Session) SetService(id, state, message string, healthy bool) {
	if !s.Services.Set(id, state, message, healthy) {
		return
	}

	s.Log.Printf("service[%s](%s): %s", id, state, message)
	s.Events.Emit("", &machineapi.ServiceStateEvent{Service: id, Message: message})
	s.Hub.Notify()
}
