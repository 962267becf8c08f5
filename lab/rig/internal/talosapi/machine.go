package talosapi

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"

	"github.com/google/uuid"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"plinth.dev/lab/rig/internal/machine"
)

// machineService is the main service of a machine. Its methods are spread over the files of this
// package by what they are about; what is missing is answered by the embedded default.
type machineService struct {
	machineapi.UnimplementedMachineServiceServer
	*node
}

const mode = "metal"

func (s *machineService) Version(context.Context, *emptypb.Empty) (*machineapi.VersionResponse, error) {
	return &machineapi.VersionResponse{Messages: []*machineapi.Version{{
		Version: &machineapi.VersionInfo{
			Tag: s.session.System.Version, Sha: "simulated", Built: "", GoVersion: runtime.Version(), Os: "linux", Arch: s.session.Spec.Arch,
		},
		Platform: &machineapi.PlatformInfo{Name: mode, Mode: mode},
		Features: &machineapi.FeaturesInfo{Rbac: true},
	}}}, nil
}

func (s *machineService) Hostname(context.Context, *emptypb.Empty) (*machineapi.HostnameResponse, error) {
	return &machineapi.HostnameResponse{Messages: []*machineapi.Hostname{{Hostname: s.session.Hostname()}}}, nil
}

func (s *machineService) Memory(context.Context, *emptypb.Empty) (*machineapi.MemoryResponse, error) {
	total := s.session.Spec.MemoryMiB << 10

	return &machineapi.MemoryResponse{Messages: []*machineapi.Memory{{
		Meminfo: &machineapi.MemInfo{Memtotal: total, Memfree: total / 2, Memavailable: total / 2},
	}}}, nil
}

func (s *machineService) ServiceList(context.Context, *emptypb.Empty) (*machineapi.ServiceListResponse, error) {
	list := &machineapi.ServiceList{}

	for _, service := range s.session.Services.List() {
		info := &machineapi.ServiceInfo{
			Id: service.ID, State: service.State(), Events: &machineapi.ServiceEvents{},
			Health: &machineapi.ServiceHealth{
				Unknown: service.Unknown, Healthy: service.Healthy, LastMessage: service.Message, LastChange: timestamppb.New(service.Changed),
			},
		}

		for _, event := range service.Events {
			info.Events.Events = append(info.Events.Events, &machineapi.ServiceEvent{
				Msg: event.Message, State: event.State, Ts: timestamppb.New(event.At),
			})
		}

		list.Services = append(list.Services, info)
	}

	return &machineapi.ServiceListResponse{Messages: []*machineapi.ServiceList{list}}, nil
}

// ServiceRestart restarts the programs that are real processes.
func (s *machineService) ServiceRestart(_ context.Context, request *machineapi.ServiceRestartRequest) (*machineapi.ServiceRestartResponse, error) {
	if s.agent == nil {
		return nil, errNotRunning
	}

	for _, unit := range s.agent.Units() {
		if unit.Name() == request.Id {
			unit.Restart()

			return &machineapi.ServiceRestartResponse{Messages: []*machineapi.ServiceRestart{{Resp: "Service \"" + request.Id + "\" restarted"}}}, nil
		}
	}

	return nil, status.Errorf(codes.Unimplemented, "the simulated service %q has no process to restart", request.Id)
}

var (
	errNotRunning      = status.Error(codes.FailedPrecondition, "the machine is not configured")
	errNotControlPlane = status.Error(codes.Unimplemented, "this method is only available on control plane nodes")
)

func (s *machineService) Reboot(context.Context, *machineapi.RebootRequest) (*machineapi.RebootResponse, error) {
	actor := uuid.NewString()
	s.session.RunSequence("reboot", actor, machine.StageRebooting, machine.Reboot, nothing)

	return &machineapi.RebootResponse{Messages: []*machineapi.Reboot{{ActorId: actor}}}, nil
}

func (s *machineService) Shutdown(context.Context, *machineapi.ShutdownRequest) (*machineapi.ShutdownResponse, error) {
	actor := uuid.NewString()
	s.session.RunSequence("shutdown", actor, machine.StageRebooting, machine.Halt, nothing)

	return &machineapi.ShutdownResponse{Messages: []*machineapi.Shutdown{{ActorId: actor}}}, nil
}

func nothing() error { return nil }

func (s *machineService) Rollback(context.Context, *machineapi.RollbackRequest) (*machineapi.RollbackResponse, error) {
	disk := s.session.Store.Disk()
	other := disk.Other()

	if disk.Trial != "" {
		// Installed and never booted: the boot loader goes back to what runs.
		other = disk.Active
	}

	if _, ok := disk.Slots[other]; !ok || !disk.Installed() {
		return nil, status.Error(codes.Unknown, "cannot rollback to \"\", label does not exist")
	}

	if err := s.session.Store.Update(func(d *machine.Disk) { d.Active, d.Trial = other, "" }); err != nil {
		return nil, err
	}

	s.session.RunSequence("reboot", "", machine.StageRebooting, machine.Reboot, nothing)

	return &machineapi.RollbackResponse{Messages: []*machineapi.Rollback{{}}}, nil
}

// MetaWrite keeps a value on the META partition.
func (s *machineService) MetaWrite(_ context.Context, request *machineapi.MetaWriteRequest) (*machineapi.MetaWriteResponse, error) {
	if request.Key > 255 {
		return nil, status.Errorf(codes.InvalidArgument, "key must be a uint8")
	}

	err := s.session.Store.Update(func(d *machine.Disk) { d.Meta[uint8(request.Key)] = string(request.Value) })

	return &machineapi.MetaWriteResponse{Messages: []*machineapi.MetaWrite{{}}}, err
}

// MetaDelete removes a value from the META partition.
func (s *machineService) MetaDelete(_ context.Context, request *machineapi.MetaDeleteRequest) (*machineapi.MetaDeleteResponse, error) {
	if _, ok := s.session.Store.Disk().Meta[uint8(request.Key)]; !ok { //nolint:gosec // a larger key is not there either
		return nil, status.Error(codes.NotFound, "meta key not found")
	}

	err := s.session.Store.Update(func(d *machine.Disk) { delete(d.Meta, uint8(request.Key)) }) //nolint:gosec // checked above

	return &machineapi.MetaDeleteResponse{Messages: []*machineapi.MetaDelete{{}}}, err
}

// Reset takes the machine out of its cluster and wipes what is asked for.
func (s *machineService) Reset(_ context.Context, request *machineapi.ResetRequest) (*machineapi.ResetResponse, error) {
	actor := uuid.NewString()

	wipeState, wipeData, wipeAll := true, true, len(request.SystemPartitionsToWipe) == 0

	if !wipeAll {
		wipeState, wipeData = false, false

		for _, partition := range request.SystemPartitionsToWipe {
			switch strings.ToUpper(partition.Label) {
			case "STATE":
				wipeState = partition.Wipe
			case "EPHEMERAL":
				wipeData = partition.Wipe
			case "META":
			default:
				return nil, status.Errorf(codes.InvalidArgument, "partition %q cannot be wiped", partition.Label)
			}
		}
	}

	if request.Mode == machineapi.ResetRequest_USER_DISKS || len(request.UserDisksToWipe) > 0 {
		return nil, status.Error(codes.Unimplemented, "wiping user disks is not simulated")
	}

	outcome := machine.Halt
	if request.Reboot {
		outcome = machine.Reboot
	}

	s.session.RunSequence("reset", actor, machine.StageResetting, outcome, func() error {
		if err := s.leave(request.Graceful); err != nil {
			return err
		}

		return s.session.Store.Update(func(d *machine.Disk) {
			d.WipeData = wipeData

			if wipeState {
				d.Config = ""
			}

			if wipeAll {
				d.Active, d.Trial, d.Slots, d.Meta = "", "", nil, nil
			}
		})
	})

	return &machineapi.ResetResponse{Messages: []*machineapi.Reset{{ActorId: actor}}}, nil
}

// leave says good-bye to the cluster: Node first, then etcd.
func (s *machineService) leave(graceful bool) error {
	if s.agent == nil || !graceful {
		return nil
	}

	ctx := s.session.Context()

	s.agent.StopKubernetes()

	if err := s.agent.DeleteNode(ctx); err != nil {
		s.session.Log.Printf("node not removed: %v", err)
	}

	if s.agent.Etcd == nil {
		return nil
	}

	if err := s.agent.Etcd.Leave(ctx); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}

	return nil
}
