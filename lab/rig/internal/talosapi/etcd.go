package talosapi

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
)

// member returns the machine's etcd member.
func (n *node) member() (*cluster.Etcd, error) {
	switch {
	case n.agent == nil:
		return nil, errNotRunning
	case n.agent.Etcd == nil:
		return nil, errNotControlPlane
	default:
		return n.agent.Etcd, nil
	}
}

// with calls the machine's etcd member.
func with[T any](ctx context.Context, n *node, call func(context.Context, *cluster.Etcd, *clientv3.Client) (T, error)) (T, error) {
	var none T

	member, err := n.member()
	if err != nil {
		return none, err
	}

	client, err := member.Client()
	if err != nil {
		return none, err
	}

	ctx, cancel := context.WithTimeout(ctx, etcdTimeout)
	defer cancel()

	return call(ctx, member, client)
}

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

// EtcdMemberList lists members as this machine's member knows them.
func (s *machineService) EtcdMemberList(ctx context.Context, _ *machineapi.EtcdMemberListRequest) (*machineapi.EtcdMemberListResponse, error) {
	return with(ctx, s.node, func(ctx context.Context, _ *cluster.Etcd, client *clientv3.Client) (*machineapi.EtcdMemberListResponse, error) {
		list, err := client.MemberList(ctx)
		if err != nil {
			return nil, unavailable(err)
		}

		members := &machineapi.EtcdMembers{}

		for _, member := range list.Members {
			members.LegacyMembers = append(members.LegacyMembers, member.Name)
			members.Members = append(members.Members, &machineapi.EtcdMember{
				Id: member.ID, Hostname: member.Name, PeerUrls: member.PeerURLs, ClientUrls: member.ClientURLs, IsLearner: member.IsLearner,
			})
		}

		return &machineapi.EtcdMemberListResponse{Messages: []*machineapi.EtcdMembers{members}}, nil
	})
}

// EtcdStatus is the member's own view.
func (s *machineService) EtcdStatus(ctx context.Context, _ *emptypb.Empty) (*machineapi.EtcdStatusResponse, error) {
	return with(ctx, s.node, func(ctx context.Context, member *cluster.Etcd, client *clientv3.Client) (*machineapi.EtcdStatusResponse, error) {
		state, err := client.Status(ctx, member.Endpoint())
		if err != nil {
			return nil, unavailable(err)
		}

		return &machineapi.EtcdStatusResponse{Messages: []*machineapi.EtcdStatus{{MemberStatus: &machineapi.EtcdMemberStatus{
			StorageVersion: state.StorageVersion, ProtocolVersion: state.Version, MemberId: state.Header.MemberId, DbSize: state.DbSize,
			DbSizeInUse: state.DbSizeInUse, Leader: state.Leader, RaftIndex: state.RaftIndex, RaftTerm: state.RaftTerm,
			RaftAppliedIndex: state.RaftAppliedIndex, Errors: state.Errors, IsLearner: state.IsLearner,
		}}}}, nil
	})
}

// EtcdForfeitLeadership hands the leadership to another member.
func (s *machineService) EtcdForfeitLeadership(
	ctx context.Context, _ *machineapi.EtcdForfeitLeadershipRequest,
) (*machineapi.EtcdForfeitLeadershipResponse, error) {
	return with(ctx, s.node, func(ctx context.Context, member *cluster.Etcd, _ *clientv3.Client) (*machineapi.EtcdForfeitLeadershipResponse, error) {
		if err := member.ForfeitLeadership(ctx); err != nil {
			return nil, unavailable(err)
		}

		return &machineapi.EtcdForfeitLeadershipResponse{Messages: []*machineapi.EtcdForfeitLeadership{{}}}, nil
	})
}

// EtcdLeaveCluster removes this machine's member and its data.
func (s *machineService) EtcdLeaveCluster(ctx context.Context, _ *machineapi.EtcdLeaveClusterRequest) (*machineapi.EtcdLeaveClusterResponse, error) {
	member, err := s.member()
	if err != nil {
		return nil, err
	}

	if err = member.Leave(ctx); err != nil {
		return nil, unavailable(err)
	}

	return &machineapi.EtcdLeaveClusterResponse{Messages: []*machineapi.EtcdLeaveCluster{{}}}, nil
}

// EtcdRemoveMemberByID removes any member.
func (s *machineService) EtcdRemoveMemberByID(
	ctx context.Context, request *machineapi.EtcdRemoveMemberByIDRequest,
) (*machineapi.EtcdRemoveMemberByIDResponse, error) {
	member, err := s.member()
	if err != nil {
		return nil, err
	}

	if err = member.RemoveMember(ctx, request.MemberId); err != nil {
		return nil, unavailable(err)
	}

	return &machineapi.EtcdRemoveMemberByIDResponse{Messages: []*machineapi.EtcdRemoveMemberByID{{}}}, nil
}

// EtcdAlarmList lists the alarms of all members.
func (s *machineService) EtcdAlarmList(ctx context.Context, _ *emptypb.Empty) (*machineapi.EtcdAlarmListResponse, error) {
	return with(ctx, s.node, func(ctx context.Context, _ *cluster.Etcd, client *clientv3.Client) (*machineapi.EtcdAlarmListResponse, error) {
		list, err := client.AlarmList(ctx)
		if err != nil {
			return nil, unavailable(err)
		}

		return &machineapi.EtcdAlarmListResponse{Messages: []*machineapi.EtcdAlarm{{MemberAlarms: alarms(list)}}}, nil
	})
}

// EtcdAlarmDisarm clears all alarms.
func (s *machineService) EtcdAlarmDisarm(ctx context.Context, _ *emptypb.Empty) (*machineapi.EtcdAlarmDisarmResponse, error) {
	return with(ctx, s.node, func(ctx context.Context, _ *cluster.Etcd, client *clientv3.Client) (*machineapi.EtcdAlarmDisarmResponse, error) {
		list, err := client.AlarmDisarm(ctx, &clientv3.AlarmMember{})
		if err != nil {
			return nil, unavailable(err)
		}

		return &machineapi.EtcdAlarmDisarmResponse{Messages: []*machineapi.EtcdAlarmDisarm{{MemberAlarms: alarms(list)}}}, nil
	})
}

func alarms(list *clientv3.AlarmResponse) []*machineapi.EtcdMemberAlarm {
	var out []*machineapi.EtcdMemberAlarm

	for _, alarm := range list.Alarms {
		kind := machineapi.EtcdMemberAlarm_NONE

		switch alarm.Alarm {
		case etcdserverpb.AlarmType_NOSPACE:
			kind = machineapi.EtcdMemberAlarm_NOSPACE
		case etcdserverpb.AlarmType_CORRUPT:
			kind = machineapi.EtcdMemberAlarm_CORRUPT
		case etcdserverpb.AlarmType_NONE:
		}

		out = append(out, &machineapi.EtcdMemberAlarm{MemberId: alarm.MemberID, Alarm: kind})
	}

	return out
}

// EtcdDefragment releases space the member no longer uses.
func (s *machineService) EtcdDefragment(ctx context.Context, _ *emptypb.Empty) (*machineapi.EtcdDefragmentResponse, error) {
	return with(ctx, s.node, func(ctx context.Context, member *cluster.Etcd, client *clientv3.Client) (*machineapi.EtcdDefragmentResponse, error) {
		if _, err := client.Defragment(ctx, member.Endpoint()); err != nil {
			return nil, unavailable(err)
		}

		return &machineapi.EtcdDefragmentResponse{Messages: []*machineapi.EtcdDefragment{{}}}, nil
	})
}

// unavailable keeps a status and gives everything else one that clients retry.
func unavailable(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}

	return status.Error(codes.Unavailable, err.Error())
}
