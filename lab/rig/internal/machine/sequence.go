package machine

import (
	"errors"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/settings"
)

const (
	// answerFirst lets the answer to the request that started a sequence reach its client.
	answerFirst = 200 * time.Millisecond
	// flushEvents lets the last events reach their watchers before the API goes away.
	flushEvents = 300 * time.Millisecond
)

// Outcome is what a sequence ends with.
type Outcome int

// The outcomes.
const (
	// Reboot starts the machine again.
	Reboot Outcome = iota
	// Halt turns it off.
	Halt
)

// RunSequence runs work in the background and then reboots or halts. One sequence at a time: a
// second one ends with a LOCKED error event for its actor.
func (s *Session) RunSequence(name, actor string, stage Stage, outcome Outcome, work func() error) {
	go func() {
		if !s.sequence.TryLock() {
			s.sequenceEvent(name, actor, machineapi.SequenceEvent_NOOP, &common.Error{
				Code: common.Code_LOCKED, Message: "sequence not started: locked",
			})

			return
		}

		select {
		case <-time.After(answerFirst):
		case <-s.ctx.Done():
		}

		before := s.Stage()

		s.sequenceEvent(name, actor, machineapi.SequenceEvent_START, nil)
		s.SetStage(stage)

		if err := work(); err != nil {
			s.Log.Printf("%s sequence failed: %v", name, err)
			s.sequenceEvent(name, actor, machineapi.SequenceEvent_NOOP, &common.Error{
				Code: common.Code_FATAL, Message: err.Error(),
			})
			s.SetStage(before)
			s.sequence.Unlock()

			return
		}

		if outcome == Reboot && s.Faults.Has(fault.NoReboot) {
			s.Log.Printf("%s sequence done, but the machine does not reboot", name)
			s.SetStage(before)
			s.sequence.Unlock()

			return
		}

		s.stopServices(actor)
		s.finish(outcome)
	}()
}

func (s *Session) stopServices(actor string) {
	task := "stopAllServices"

	s.Events.Emit(actor, &machineapi.TaskEvent{Task: task, Action: machineapi.TaskEvent_START})
	s.Events.Emit(actor, &machineapi.TaskEvent{Task: task, Action: machineapi.TaskEvent_STOP})

	select {
	case <-time.After(flushEvents):
	case <-s.ctx.Done():
	}
}

func (s *Session) finish(outcome Outcome) {
	if outcome == Halt {
		if err := s.Store.Update(func(d *Disk) { d.Powered = false }); err != nil {
			s.Log.Printf("cannot write the disk: %v", err)
		}

		s.End(errPowerOff)

		return
	}

	s.End(errReboot)
}

func (s *Session) sequenceEvent(name, actor string, action machineapi.SequenceEvent_Action, failure *common.Error) {
	s.Events.Emit(actor, &machineapi.SequenceEvent{Sequence: name, Action: action, Error: failure})
}

// Install writes the system named by the configuration to the disk, then boots it.
func (s *Session) Install(cfg config.Provider) error {
	raw, err := cfg.Bytes()
	if err != nil {
		return err
	}

	s.RunSequence("install", "", StageInstalling, Reboot, func() error {
		if s.Faults.Has(fault.InstallCut) && !s.Store.Disk().Installed() {
			return s.cutInstall()
		}

		return s.Store.Update(func(d *Disk) {
			d.Config = string(raw)

			if !d.Installed() {
				d.Installs++
				d.Active = "A"
				d.Slots["A"] = s.systemOf(cfg)
			}
		})
	})

	return nil
}

// cutInstall loses the power while the disk is half written: there is nothing on it to boot from.
func (s *Session) cutInstall() error {
	s.Faults.Remove(fault.InstallCut)

	if err := s.Store.Update(func(d *Disk) { d.Faults = s.Faults.List() }); err != nil {
		return err
	}

	s.End(errReboot)

	return errors.New("the power was lost")
}

// systemOf is the system an installation from this configuration yields.
func (s *Session) systemOf(cfg config.Provider) Slot {
	image := settings.InstallImage(cfg)

	if version := ImageVersion(image); version != "" {
		return Slot{Version: version, Image: image}
	}

	return Slot{Version: s.Spec.Talos, Image: image}
}

// WriteSlot installs an image beside the running system; it is tried at the next boot.
func (s *Session) WriteSlot(image string) error {
	if armed, ok := s.Faults.Get(fault.DeniedAfterInstall); ok {
		s.Faults.Remove(fault.DeniedAfterInstall)
		s.Faults.Add(fault.Denied(armed.Seconds))
	}

	return s.Store.Update(func(d *Disk) {
		d.Trial = d.Other()
		d.Slots[d.Trial] = Slot{Version: ImageVersion(image), Image: image}
		d.Faults = s.Faults.List()
	})
}

// ImageVersion is the tag of an image reference, without a digest.
func ImageVersion(image string) string {
	image, _, _ = strings.Cut(image, "@")

	colon := strings.LastIndex(image, ":")
	if colon < 0 || strings.Contains(image[colon:], "/") {
		return ""
	}

	return image[colon+1:]
}
