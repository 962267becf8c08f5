package talosapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/compatibility"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/release"
)

const etcdTimeout = 10 * time.Second

var errDiskFull = status.Error(codes.ResourceExhausted, "write /var/lib/containerd: no space left on device")

// lifecycleService installs systems; the reboot is asked for separately. It asks nobody whether the
// machine can be spared: that is its caller's business (internal/app/lifecycle of 1.13).
type lifecycleService struct {
	machineapi.UnimplementedLifecycleServiceServer
	*node
}

type upgradeStream = grpc.ServerStreamingServer[machineapi.LifecycleServiceUpgradeResponse]

// Upgrade writes an image to the other slot.
func (s *lifecycleService) Upgrade(request *machineapi.LifecycleServiceUpgradeRequest, stream upgradeStream) error {
	if !s.installing.TryLock() {
		return status.Error(codes.FailedPrecondition, "another installation/upgrade is already in progress")
	}

	defer s.installing.Unlock()

	image := request.GetSource().GetImageName()

	switch {
	case !s.session.Store.Disk().Installed() || s.agent == nil:
		return status.Error(codes.FailedPrecondition, "machine is not installed")
	case image == "":
		return status.Error(codes.InvalidArgument, "installer image name is required")
	}

	installed := s.install(image)
	exitCode, message := int32(0), "installation of "+image+" complete"

	if installed != nil {
		exitCode, message = 1, installed.Error()
	}

	if err := stream.Send(progress(&machineapi.LifecycleServiceInstallProgress_Message{Message: message})); err != nil {
		return err
	}

	return stream.Send(&machineapi.LifecycleServiceUpgradeResponse{Progress: &machineapi.LifecycleServiceInstallProgress{
		Response: &machineapi.LifecycleServiceInstallProgress_ExitCode{ExitCode: exitCode},
	}})
}

func progress(message *machineapi.LifecycleServiceInstallProgress_Message) *machineapi.LifecycleServiceUpgradeResponse {
	return &machineapi.LifecycleServiceUpgradeResponse{Progress: &machineapi.LifecycleServiceInstallProgress{Response: message}}
}

// install runs the installer: its own checks, then the other slot.
func (n *node) install(image string) error {
	if n.session.Faults.Has(fault.DiskFull) {
		return errors.New("error writing boot assets: write /boot: no space left on device")
	}

	wanted, err := n.installer(image)
	if err != nil {
		return err
	}

	if err = preflight(n.session.Release(), wanted); err != nil {
		return fmt.Errorf("pre-flight checks failed: %w", err)
	}

	return n.session.WriteSlot(image)
}

// preflight is what the installer of a version asks of the system it replaces.
func preflight(running, wanted release.Release) error {
	host, err := compatibility.ParseTalosVersion(&machineapi.VersionInfo{Tag: running.String()})
	if err != nil {
		return err
	}

	target, err := compatibility.ParseTalosVersion(&machineapi.VersionInfo{Tag: wanted.String()})
	if err != nil {
		return err
	}

	return target.UpgradeableFrom(host)
}

// installer is the version in an installer image, if there is such an image.
func (n *node) installer(image string) (release.Release, error) {
	version, err := release.Parse(machine.ImageVersion(image))
	if err != nil {
		return version, fmt.Errorf("invalid installer image reference %q: %w", image, err)
	}

	return version, errors.Join(version.Published(image), n.api.rules.Known(version))
}

// Upgrade is the older way: one call that asks etcd, installs and reboots.
func (s *machineService) Upgrade(ctx context.Context, request *machineapi.UpgradeRequest) (*machineapi.UpgradeResponse, error) {
	if s.agent == nil {
		return nil, errNotRunning
	}

	if err := s.pull(request.Image); err != nil {
		return nil, fmt.Errorf("error validating installer image %q: %w", request.Image, err)
	}

	if s.agent.Etcd != nil && !request.Force { //nolint:staticcheck // older clients send it
		if err := s.agent.Etcd.ValidateForUpgrade(ctx); err != nil {
			return nil, fmt.Errorf("error validating etcd for upgrade: %w", err)
		}
	}

	actor := uuid.NewString()
	s.session.RunSequence("upgrade", actor, machine.StageUpgrading, machine.Reboot, func() error { return s.install(request.Image) })

	return &machineapi.UpgradeResponse{Messages: []*machineapi.Upgrade{{Ack: "Upgrade request received", ActorId: actor}}}, nil
}

// pull says whether an image can be had: there is no registry, but programs and systems may be missing.
func (n *node) pull(image string) error {
	switch {
	case n.agent == nil:
		return errNotRunning
	case n.session.Faults.Has(fault.DiskFull):
		return errDiskFull
	}

	err := n.agent.CheckImage(image)
	if err == nil && strings.Contains(image, "installer") {
		_, err = n.installer(image)
	}

	if err != nil {
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
