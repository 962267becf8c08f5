package talosapi

import (
	"context"
	"time"

	"github.com/google/uuid"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
)

const etcdTimeout = 10 * time.Second

var errDiskFull = status.Error(codes.ResourceExhausted, "write /var: no space left on device")

// lifecycleService installs systems; the reboot is asked for separately.
type lifecycleService struct {
	machineapi.UnimplementedLifecycleServiceServer
	*node
}

// Upgrade writes an image to the other slot.
func (s *lifecycleService) Upgrade(
	request *machineapi.LifecycleServiceUpgradeRequest, stream grpc.ServerStreamingServer[machineapi.LifecycleServiceUpgradeResponse],
) error {
	image := request.GetSource().GetImageName()

	if err := s.writeSlot(image); err != nil {
		return err
	}

	if err := stream.Send(&machineapi.LifecycleServiceUpgradeResponse{Progress: &machineapi.LifecycleServiceInstallProgress{
		Response: &machineapi.LifecycleServiceInstallProgress_Message{Message: "installed " + image},
	}}); err != nil {
		return err
	}

	return stream.Send(&machineapi.LifecycleServiceUpgradeResponse{Progress: &machineapi.LifecycleServiceInstallProgress{
		Response: &machineapi.LifecycleServiceInstallProgress_ExitCode{ExitCode: 0},
	}})
}

// writeSlot checks what a real installation checks before it writes.
func (n *node) writeSlot(image string) error {
	switch {
	case n.agent == nil:
		return errNotRunning
	case machine.ImageVersion(image) == "":
		return status.Errorf(codes.InvalidArgument, "invalid installer image reference %q", image)
	case n.session.Faults.Has(fault.DiskFull):
		return errDiskFull
	}

	return n.session.WriteSlot(image)
}

// Upgrade is the older way: one call installs and reboots.
func (s *machineService) Upgrade(_ context.Context, request *machineapi.UpgradeRequest) (*machineapi.UpgradeResponse, error) {
	if s.agent == nil {
		return nil, errNotRunning
	}

	if machine.ImageVersion(request.Image) == "" {
		return nil, status.Errorf(codes.InvalidArgument, "invalid installer image reference %q", request.Image)
	}

	actor := uuid.NewString()
	s.session.RunSequence("upgrade", actor, machine.StageUpgrading, machine.Reboot, func() error { return s.writeSlot(request.Image) })

	return &machineapi.UpgradeResponse{Messages: []*machineapi.Upgrade{{Ack: "Upgrade request received", ActorId: actor}}}, nil
}

// pull says whether an image can be had: there is no registry, but programs may be missing.
func (n *node) pull(image string) error {
	switch {
	case n.agent == nil:
		return errNotRunning
	case n.session.Faults.Has(fault.DiskFull):
		return errDiskFull
	}

	if err := n.agent.CheckImage(image); err != nil {
		return status.Errorf(codes.NotFound, "failed to pull image %q: %v", image, err)
	}

	return nil
}

// ImagePull is the older way of pulling.
func (s *machineService) ImagePull(_ context.Context, request *machineapi.ImagePullRequest) (*machineapi.ImagePullResponse, error) {
	if err := s.pull(request.Reference); err != nil {
		return nil, err
	}

	return &machineapi.ImagePullResponse{Messages: []*machineapi.ImagePull{{}}}, nil
}

// imageService pulls images; content is not simulated, only whether there is room for it.
type imageService struct {
	machineapi.UnimplementedImageServiceServer
	*node
}

// Pull reports the image as present.
func (s *imageService) Pull(request *machineapi.ImageServicePullRequest, stream grpc.ServerStreamingServer[machineapi.ImageServicePullResponse]) error {
	if err := s.pull(request.ImageRef); err != nil {
		return err
	}

	return stream.Send(&machineapi.ImageServicePullResponse{
		Response: &machineapi.ImageServicePullResponse_Name{Name: request.ImageRef},
	})
}
