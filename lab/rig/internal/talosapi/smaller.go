package talosapi

import (
	"context"

	"github.com/cosi-project/runtime/pkg/state"
	storageapi "github.com/siderolabs/talos/pkg/machinery/api/storage"
	timeapi "github.com/siderolabs/talos/pkg/machinery/api/time"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// storageService lists disks. It is also what clients probe for maintenance mode.
type storageService struct {
	storageapi.UnimplementedStorageServiceServer
	*node
}

// Disks lists the machine's block devices.
func (s *storageService) Disks(context.Context, *emptypb.Empty) (*storageapi.DisksResponse, error) {
	list := &storageapi.Disks{}
	installed := s.session.Store.Disk().Installed()

	for i, disk := range s.session.Spec.Disks {
		list.Disks = append(list.Disks, &storageapi.Disk{
			DeviceName: disk.Name, Size: disk.SizeGiB << 30, Model: disk.Model, Serial: disk.Serial, Wwid: disk.WWID,
			Type: storageapi.Disk_SSD, SystemDisk: installed && i == 0,
		})
	}

	return &storageapi.DisksResponse{Messages: []*storageapi.Disks{list}}, nil
}

// timeService tells the machine's time against the right one.
type timeService struct {
	timeapi.UnimplementedTimeServiceServer
	*node
}

// Time compares with the configured server, which stands for the host's clock.
func (s *timeService) Time(context.Context, *emptypb.Empty) (*timeapi.TimeResponse, error) {
	return s.compare("pool.ntp.org"), nil
}

// TimeCheck compares with a server of the caller's choice.
func (s *timeService) TimeCheck(_ context.Context, request *timeapi.TimeRequest) (*timeapi.TimeResponse, error) {
	return s.compare(request.Server), nil
}

func (s *timeService) compare(server string) *timeapi.TimeResponse {
	local := s.session.Now()

	return &timeapi.TimeResponse{Messages: []*timeapi.Time{{
		Server: server, Localtime: timestamppb.New(local), Remotetime: timestamppb.New(local.Add(-s.session.Faults.Skew())),
	}}}
}

// accessPolicy: clients read resources; configurations hold secrets and are for administrators.
func accessPolicy(ctx context.Context, access state.Access) error {
	if !access.Verb.Readonly() {
		return status.Error(codes.PermissionDenied, "not authorized")
	}

	if access.ResourceType == configres.MachineConfigType && !hasRole(ctx, admin) {
		return status.Error(codes.PermissionDenied, "not authorized")
	}

	return nil
}
