package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Why a bootstrap is refused.
var (
	ErrEtcdHasData = errors.New("etcd data directory is not empty")
	ErrNotReady    = errors.New("bootstrap is not available yet")
)

// joining lets one member at a time join a cluster: etcd admits one learner.
var joining sync.Map

// Bootstrap starts a new etcd cluster with this machine as its first member. With a snapshot the
// member starts from its content.
func (e *Etcd) Bootstrap(snapshot string, skipHashCheck bool) error {
	e.mu.Lock()
	running := e.wanted
	e.mu.Unlock()

	if running || e.HasData() {
		return ErrEtcdHasData
	}

	initial := initialCluster(map[string]string{e.PeerURL(): e.session.Hostname()})

	if snapshot != "" {
		if err := e.restore(snapshot, initial, skipHashCheck); err != nil {
			return err
		}
	}

	e.session.Log.Printf("bootstrapping etcd")

	return e.start(initial, "new")
}

// run brings the member up: from its data, or by joining peers, or when it is bootstrapped.
func (e *Etcd) run(ctx context.Context, peers func() []*Etcd) {
	if e.HasData() {
		if err := e.start("", ""); err != nil {
			e.session.Log.Printf("etcd: %v", err)
		}
	}

	for ctx.Err() == nil {
		changed := e.session.Hub.Changed()

		e.mu.Lock()
		wanted := e.wanted
		e.mu.Unlock()

		if !wanted && !e.leaving.Load() {
			if err := e.join(ctx, peers()); err != nil {
				e.session.Log.Printf("etcd cannot join: %v", err)

				changed = nil
			}
		}

		if wanted {
			e.promote(ctx, peers())
		}

		if wanted && e.Healthy() {
			if err := e.raiseFormat(ctx, peers()); err != nil {
				e.session.Log.Printf("etcd cluster version: %v", err)
			}
		}

		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(time.Second):
		}
	}
}

// join adds this machine as a learner to a peer's cluster and starts it.
func (e *Etcd) join(ctx context.Context, peers []*Etcd) error {
	var peer *Etcd

	for _, candidate := range peers {
		if candidate != e && candidate.Healthy() {
			peer = candidate
		}
	}

	if peer == nil {
		return nil
	}

	value, _ := joining.LoadOrStore(e.session.ClusterID(), make(chan struct{}, 1))
	turn := value.(chan struct{}) //nolint:forcetypeassert // the only type stored

	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil
	}

	defer func() { <-turn }()

	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	initial, err := e.addLearner(ctx, peer)
	if err != nil {
		return err
	}

	if err = e.start(initial, "existing"); err != nil {
		return err
	}

	// Keep the turn until the learner votes, or the next one is refused.
	for ctx.Err() == nil && !e.promote(ctx, peers) {
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}

	return nil
}

func (e *Etcd) addLearner(ctx context.Context, peer *Etcd) (string, error) {
	list, err := peer.Members(ctx)
	if err != nil {
		return "", err
	}

	entries := map[string]string{e.PeerURL(): e.session.Hostname()}

	for _, member := range list.Members {
		if !slices.Contains(member.PeerURLs, e.PeerURL()) {
			for _, url := range member.PeerURLs {
				if member.Name != "" {
					entries[url] = member.Name
				}
			}

			continue
		}

		if member.Name != "" {
			return "", fmt.Errorf("etcd still lists %s as member %x from before its disk was lost; remove that member first", member.Name, member.ID)
		}

		// Added before, never started: the data went before the member came up.
		if err = peer.removeMember(ctx, member.ID); err != nil {
			return "", err
		}
	}

	c, err := peer.Client()
	if err != nil {
		return "", err
	}

	added, err := c.MemberAddAsLearner(ctx, []string{e.PeerURL()})
	if err != nil {
		return "", err
	}

	// Members not yet started have no name; etcd wants all of them in the initial cluster.
	for _, member := range added.Members {
		for _, url := range member.PeerURLs {
			if _, ok := entries[url]; !ok {
				entries[url] = fmt.Sprintf("%x", member.ID)
			}
		}
	}

	return initialCluster(entries), nil
}

// promote makes this machine's learner vote; true when it does. A learner answers nothing itself,
// so a voting peer is asked.
func (e *Etcd) promote(ctx context.Context, peers []*Etcd) bool {
	e.mu.Lock()
	voting := e.voting
	e.mu.Unlock()

	if voting {
		return true
	}

	for _, peer := range peers {
		if peer == e || !peer.Healthy() {
			continue
		}

		if voting = e.promoteBy(ctx, peer); voting {
			break
		}
	}

	// A member whose own linearizable reads succeed votes.
	voting = voting || e.Healthy()

	e.mu.Lock()
	e.voting = voting
	e.mu.Unlock()

	return voting
}

func (e *Etcd) promoteBy(ctx context.Context, peer *Etcd) bool {
	c, err := peer.Client()
	if err != nil {
		return false
	}

	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()

	list, err := c.MemberList(ctx)
	if err != nil {
		return false
	}

	for _, member := range list.Members {
		if slices.Contains(member.PeerURLs, e.PeerURL()) {
			if !member.IsLearner {
				return true
			}

			_, err = c.MemberPromote(ctx, member.ID)

			return err == nil
		}
	}

	return false
}
