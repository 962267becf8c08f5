package machine

import (
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

// Stage is where a machine is in its life.
type Stage string

// The stages.
const (
	StageOff         Stage = "off"
	StageBooting     Stage = "booting"
	StageMaintenance Stage = "maintenance"
	StageInstalling  Stage = "installing"
	StageRunning     Stage = "running"
	StageRebooting   Stage = "rebooting"
	StageUpgrading   Stage = "upgrading"
	StageResetting   Stage = "resetting"
	StageFailed      Stage = "failed"
	// StageNoDevice is firmware that found nothing to boot and asks again.
	StageNoDevice Stage = "no-boot-device"
	// StageHalted is Talos that found itself on the disk and was told to stop then.
	StageHalted Stage = "halted"
)

// Event is the stage as the event stream names it.
func (s Stage) Event() machineapi.MachineStatusEvent_MachineStage {
	switch s {
	case StageBooting:
		return machineapi.MachineStatusEvent_BOOTING
	case StageInstalling:
		return machineapi.MachineStatusEvent_INSTALLING
	case StageMaintenance:
		return machineapi.MachineStatusEvent_MAINTENANCE
	case StageRunning:
		return machineapi.MachineStatusEvent_RUNNING
	case StageRebooting:
		return machineapi.MachineStatusEvent_REBOOTING
	case StageUpgrading:
		return machineapi.MachineStatusEvent_UPGRADING
	case StageResetting:
		return machineapi.MachineStatusEvent_RESETTING
	case StageOff, StageFailed, StageNoDevice, StageHalted:
	}

	return machineapi.MachineStatusEvent_UNKNOWN
}

// Resource is the stage as the MachineStatus resource names it.
func (s Stage) Resource() runtime.MachineStage {
	stage, err := runtime.MachineStageString(lower(s.Event().String()))
	if err != nil {
		return runtime.MachineStageUnknown
	}

	return stage
}
