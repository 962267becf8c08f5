package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// removeMember retries while the cluster still counts a member as freshly disconnected.
func (e *Etcd) removeMember(ctx context.Context, id uint64) error {
	c, err := e.Client()
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()

	for {
		_, err = c.MemberRemove(ctx, id)
		if err == nil || !strings.Contains(err.Error(), "unhealthy cluster") {
			return err
		}

		select {
		case <-ctx.Done():
			return err
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// RemoveMember removes any member by id.
func (e *Etcd) RemoveMember(ctx context.Context, id uint64) error { return e.removeMember(ctx, id) }

// Leave takes this machine out of its etcd cluster and removes the data. The last member just
// stops: there is nobody to tell.
func (e *Etcd) Leave(ctx context.Context) error {
	e.leaving.Store(true)

	if e.unit.State().Running {
		if err := e.leaveCluster(ctx); err != nil {
			e.leaving.Store(false)

			return err
		}
	}

	e.stop()

	return os.RemoveAll(e.DataDir())
}

func (e *Etcd) leaveCluster(ctx context.Context) error {
	list, err := e.Members(ctx)
	if err != nil {
		return fmt.Errorf("failed to list etcd members: %w", err)
	}

	if len(list.Members) <= 1 {
		return nil
	}

	if err = e.ForfeitLeadership(ctx); err != nil {
		return err
	}

	id, err := e.self(ctx)
	if err != nil {
		return err
	}

	// A member that takes itself out stops, sometimes before it has answered.
	if err = e.removeMember(ctx, id); err != nil && !errors.Is(err, rpctypes.ErrStopped) {
		return err
	}

	return nil
}

// ForfeitLeadership hands the leadership to another voting member; nothing happens when this
// member does not lead.
func (e *Etcd) ForfeitLeadership(ctx context.Context) error {
	c, err := e.Client()
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	status, err := c.Status(ctx, e.Endpoint())
	if err != nil {
		return err
	}

	if status.Leader != status.Header.MemberId {
		return nil
	}

	list, err := c.MemberList(ctx)
	if err != nil {
		return err
	}

	for _, member := range list.Members {
		if member.ID != status.Leader && !member.IsLearner && member.Name != "" {
			if _, err = c.MoveLeader(ctx, member.ID); err == nil {
				return nil
			}
		}
	}

	if err != nil {
		return fmt.Errorf("failed to move etcd leadership: %w", err)
	}

	return nil
}
