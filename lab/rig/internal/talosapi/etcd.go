package talosapi

import (
	"context"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"plinth.dev/lab/rig/internal/cluster"
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
