package machine

import (
	"fmt"
	"regexp"
	"time"

	"plinth.dev/lab/rig/internal/netboot"
	"plinth.dev/lab/rig/internal/spec"
)

// nextTry is how long firmware without anything to boot waits before it begins anew.
const nextTry = time.Second

var kernelURL = regexp.MustCompile(`/image/[0-9a-f]+/(v[^/]+)/kernel-([a-z0-9]+)$`)

// firmware finds something to boot: the network first where the machine has a boot server, then the disk. False means
// that nothing runs until the power goes; onTrial says whether it is a slot that has yet to prove itself.
func (s *Session) firmware() (found, onTrial bool, err error) {
	for s.Spec.Netboot != "" && s.ctx.Err() == nil {
		result, err := netboot.Boot(s.ctx, netboot.Firmware{
			MAC: s.Spec.MAC, UUID: s.Spec.UUID, Arch: s.Spec.Arch, HasDisk: s.Store.Disk().Installed(), Log: s.Log.Printf,
		}, s.Spec.Netboot)
		if err != nil {
			s.Log.Printf("network boot failed: %v", err)
		}

		if s.ctx.Err() != nil {
			return false, false, nil
		}

		if result.Kind == netboot.Image {
			found, err = s.bootImage(result)

			return found, false, err
		}

		if s.Store.Disk().Installed() {
			return true, s.chooseSlot(), nil
		}

		s.Log.Printf("no bootable device")
		s.SetStage(StageNoDevice)

		select {
		case <-s.ctx.Done():
		case <-time.After(nextTry):
		}
	}

	if s.ctx.Err() != nil {
		return false, false, nil
	}

	return true, s.chooseSlot(), nil
}

// bootImage starts Talos from the network with the arguments it was given.
func (s *Session) bootImage(image netboot.Result) (bool, error) {
	s.SetStage(StageBooting)

	match := kernelURL.FindStringSubmatch(image.Kernel)
	if match == nil || match[2] != s.Spec.Arch {
		return s.stuck(StageFailed, "%s is no Talos kernel for %s", image.Kernel, s.Spec.Arch)
	}

	if err := image.CheckNetwork(s.Spec.Address, s.Spec.MAC, spec.LinkName); err != nil {
		return s.stuck(StageFailed, "%v", err)
	}

	if config, given := image.Arg("talos.config"); given {
		return s.stuck(StageFailed, "talos.config=%s: not implemented", config)
	}

	if what, given := image.Arg("talos.experimental.wipe"); given {
		if what != "system" {
			return s.stuck(StageFailed, "talos.experimental.wipe=%s: not implemented", what)
		}

		if err := s.emptyDisk(); err != nil {
			return false, err
		}
	}

	if halt, _ := image.Arg("talos.halt_if_installed"); halt == "1" && s.Store.Disk().Installed() {
		return s.stuck(StageHalted, "Talos is already installed to disk but booted from another media and "+
			"talos.halt_if_installed kernel parameter is set. Please reboot from the disk.")
	}

	s.Slot, s.System = "", Slot{Version: match[1], Image: image.Kernel}
	s.Log.Printf("running Talos %s from the network", match[1])

	return true, nil
}

// stuck stays where it is until the power goes.
func (s *Session) stuck(stage Stage, format string, args ...any) (bool, error) {
	s.Log.Printf(format, args...)
	s.SetStage(stage)
	<-s.ctx.Done()

	return false, nil
}

func (s *Session) emptyDisk() error {
	err := s.Store.Update(func(d *Disk) {
		*d = Disk{Powered: d.Powered, Faults: d.Faults, Installs: d.Installs, WipeData: true}
	})
	if err != nil {
		return fmt.Errorf("cannot wipe the disk: %w", err)
	}

	s.Log.Printf("system disk wiped")

	return s.finishWipe()
}
