package cluster

import (
	"context"
	"fmt"
	"time"
)

// memberTimeout is how long one member may take to answer.
const memberTimeout = 3 * time.Second

// ValidateForUpgrade is what the older upgrade call asks of etcd before it starts: etcd.go of Talos
// refuses with two members, with one that never started and with one that does not answer.
func (e *Etcd) ValidateForUpgrade(ctx context.Context) error {
	list, err := e.Members(ctx)
	if err != nil {
		return err
	}

	if len(list.Members) == 2 {
		return fmt.Errorf("etcd member count(%d) is insufficient to maintain quorum if upgrade commences", len(list.Members))
	}

	for _, member := range list.Members {
		if member.Name == "" {
			return fmt.Errorf("etcd member %016x is not started, all members must be running to perform an upgrade", member.ID)
		}

		if err = e.answers(ctx, member.ClientURLs); err != nil {
			return fmt.Errorf("etcd member %016x is not healthy; all members must be healthy to perform an upgrade: %w", member.ID, err)
		}
	}

	return nil
}

// answers asks a member at its own addresses.
func (e *Etcd) answers(ctx context.Context, urls []string) error {
	for _, url := range urls {
		client, err := e.dial(url)
		if err != nil {
			return err
		}

		asking, cancel := context.WithTimeout(ctx, memberTimeout)
		_, err = client.Get(asking, "health")

		cancel()

		if closed := client.Close(); err == nil {
			err = closed
		}

		if err != nil {
			return err
		}
	}

	return nil
}
