package cluster

import (
	"context"
	"fmt"
	"slices"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// ghostURL is the peer address of a member that no machine runs, one for each machine.
func (e *Etcd) ghostURL() string {
	bytes := e.session.Address.As4()

	return fmt.Sprintf("https://127.255.%d.%d:%d", bytes[2], bytes[3], etcdPeerPort)
}

// AddGhost adds a voting member that will never start.
func (e *Etcd) AddGhost(ctx context.Context) error {
	c, err := e.Client()
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	_, err = c.MemberAdd(ctx, []string{e.ghostURL()})

	return err
}

// RemoveGhost removes that member, if it is still there.
func (e *Etcd) RemoveGhost(ctx context.Context) error {
	list, err := e.Members(ctx)
	if err != nil {
		return err
	}

	for _, member := range list.Members {
		if slices.Contains(member.PeerURLs, e.ghostURL()) {
			return e.removeMember(ctx, member.ID)
		}
	}

	return nil
}

// RaiseNoSpace makes the member report that its disk is full, which stops writes to etcd.
func (e *Etcd) RaiseNoSpace(ctx context.Context) error {
	return e.alarm(ctx, etcdserverpb.AlarmRequest_ACTIVATE)
}

// ClearNoSpace takes that report back.
func (e *Etcd) ClearNoSpace(ctx context.Context) error {
	return e.alarm(ctx, etcdserverpb.AlarmRequest_DEACTIVATE)
}

func (e *Etcd) alarm(ctx context.Context, action etcdserverpb.AlarmRequest_AlarmAction) error {
	if !e.Healthy() {
		return nil
	}

	c, err := e.Client()
	if err != nil {
		return err
	}

	id, err := e.self(ctx)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	_, err = etcdserverpb.NewMaintenanceClient(c.ActiveConnection()).Alarm(ctx, &etcdserverpb.AlarmRequest{
		Action: action, MemberID: id, Alarm: etcdserverpb.AlarmType_NOSPACE,
	})

	return clientv3.ContextError(ctx, err)
}
