package talosapi

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
)

func (n *node) snapshotPath() string { return filepath.Join(n.session.RunDir(), "etcd.snapshot") }

// Bootstrap starts etcd on the first machine of a cluster.
func (s *machineService) Bootstrap(_ context.Context, request *machineapi.BootstrapRequest) (*machineapi.BootstrapResponse, error) {
	if s.session.Stage() != machine.StageRunning {
		return nil, status.Error(codes.FailedPrecondition, "bootstrap is not available yet")
	}

	member, err := s.member()
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, "bootstrap can only be performed on a control plane node")
	}

	snapshot := ""
	if request.RecoverEtcd {
		snapshot = s.snapshotPath()
		if _, err = os.Stat(snapshot); err != nil {
			return nil, status.Errorf(codes.FailedPrecondition, "etcd snapshot file is not found, upload it first: %v", err)
		}
	}

	err = member.Bootstrap(snapshot, request.RecoverSkipHashCheck)

	if errors.Is(err, cluster.ErrEtcdHasData) {
		return nil, status.Error(codes.AlreadyExists, err.Error())
	}

	return &machineapi.BootstrapResponse{Messages: []*machineapi.Bootstrap{{}}}, err
}

// EtcdRecover takes a snapshot for a following bootstrap.
func (s *machineService) EtcdRecover(stream grpc.ClientStreamingServer[common.Data, machineapi.EtcdRecoverResponse]) error {
	if _, err := s.member(); err != nil {
		return err
	}

	file, err := os.OpenFile(s.snapshotPath(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}

	defer file.Close() //nolint:errcheck // closed with its error below

	for {
		data, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return err
		}

		if _, err = file.Write(data.Bytes); err != nil {
			return err
		}
	}

	if err = file.Close(); err != nil {
		return err
	}

	return stream.SendAndClose(&machineapi.EtcdRecoverResponse{Messages: []*machineapi.EtcdRecover{{}}})
}

// EtcdSnapshot streams a snapshot of the member's data.
func (s *machineService) EtcdSnapshot(_ *machineapi.EtcdSnapshotRequest, stream dataStream) error {
	if s.session.Faults.Has(fault.DiskFull) {
		return errDiskFull
	}

	member, err := s.member()
	if err != nil {
		return err
	}

	client, err := member.Client()
	if err != nil {
		return err
	}

	snapshot, err := client.Snapshot(stream.Context())
	if err != nil {
		return status.Errorf(codes.Unavailable, "failed reading etcd snapshot: %v", err)
	}

	defer snapshot.Close() //nolint:errcheck // read only

	buffer := make([]byte, chunk)

	for {
		read, err := snapshot.Read(buffer)
		if read > 0 {
			if err := stream.Send(&common.Data{Bytes: buffer[:read]}); err != nil {
				return err
			}
		}

		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return status.Errorf(codes.Unavailable, "failed reading etcd snapshot: %v", err)
		}
	}
}
