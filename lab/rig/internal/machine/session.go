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
	log, err := openLog(filepath.Join(m.RunDir(), "dmesg.log"), m.Now)
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

	if found, err := s.firmware(); err != nil || !found {
		return err
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
		s.Log.Printf("boot failed: %v", err)
		s.SetStage(StageFailed)
		<-s.ctx.Done()

		return nil
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

// chooseSlot boots the slot on trial once, and falls back to the proven one when it fails.
func (s *Session) chooseSlot() error {
	disk := s.Store.Disk()

	if disk.Trial != "" {
		err := s.Store.Update(func(d *Disk) {
			if s.Faults.Has(fault.BootFailure) {
				s.Log.Printf("slot %s did not boot, going back to slot %s", d.Trial, d.Active)
			} else {
				d.Active = d.Trial
			}

			d.Trial = ""
		})
		if err != nil {
			return err
		}

		disk = s.Store.Disk()
	}

	s.Slot, s.System = disk.Active, disk.Current()
	if s.Slot == "" {
		s.System = Slot{Version: s.Spec.Talos}
	}

	s.Log.Printf("running Talos %s", s.System.Version)

	return nil
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
