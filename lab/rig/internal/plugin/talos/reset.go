package talos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"

	"plinth.dev/lab/rig/internal/plugin/property"
)

const (
	bootIDFile = "/proc/sys/kernel/random/boot_id"
	// lastTask is what a machine reports when a reset can no longer be stopped.
	lastTask  = "stopAllServices"
	resetPoll = time.Second
)

// resetOnDestroy wipes a machine when the program asked for that; else only the state goes.
func resetOnDestroy(ctx context.Context, state property.Map) error {
	wish := property.Object(state, "onDestroy")
	if !property.Bool(wish, "reset") {
		return nil
	}
	timeout, err := timeoutOf(state, "delete")
	if err != nil {
		return err
	}
	t := targetOf(state)
	ctx, cancel := context.WithTimeout(client.WithNode(ctx, t.node), timeout)
	defer cancel()
	if err := t.reset(ctx, property.Bool(wish, "graceful"), property.Bool(wish, "reboot")); err != nil {
		return fmt.Errorf("Error resetting machine: %w", err) //nolint:staticcheck // the official words
	}
	return nil
}

func (t target) reset(ctx context.Context, graceful, reboot bool) error {
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // the machine is gone by then
	if c.maintenance {
		return nil // nothing is installed, so there is nothing to wipe
	}
	if _, err := c.Version(client.WithNodes(ctx, t.node)); err != nil {
		return err
	}
	events := make(chan client.EventResult)
	watch, stop := context.WithCancel(ctx)
	defer stop()
	if err := c.EventsWatchV2(watch, events); err != nil {
		return err
	}
	before, err := bootID(ctx, c)
	if err != nil {
		return err
	}
	answer, err := c.ResetGenericWithResponse(ctx, &machine.ResetRequest{Graceful: graceful, Reboot: reboot})
	if err != nil {
		return err
	}
	var actor string
	for _, message := range answer.GetMessages() {
		actor = message.GetActorId()
	}
	if err := awaitLastTask(ctx, events, actor); err != nil || !reboot {
		return err
	}
	return t.awaitMaintenance(ctx, before)
}

func bootID(ctx context.Context, c connection) (string, error) {
	reader, err := c.Read(ctx, bootIDFile)
	if err != nil {
		return "", err
	}
	defer reader.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(reader)
	return strings.TrimSpace(string(text)), err
}

func awaitLastTask(ctx context.Context, events <-chan client.EventResult, actor string) error {
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the machine to stop its services: %w", ctx.Err())
		case result := <-events:
			if result.Error != nil {
				return nil // the machine has gone down, which is what was asked for
			}
			if actor != "" && result.Event.ActorID != actor {
				continue
			}
			switch payload := result.Event.Payload.(type) {
			case *machine.TaskEvent:
				if payload.GetTask() == lastTask {
					return nil
				}
			case *machine.SequenceEvent:
				if payload.GetError() != nil {
					return errors.New(payload.GetError().GetMessage())
				}
			}
		}
	}
}

// awaitMaintenance waits for a machine to come back empty: it answers without a certificate, or under
// another boot id.
func (t target) awaitMaintenance(ctx context.Context, before string) error {
	for {
		if t.isBack(ctx, before) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the machine to come back after its reset: %w", ctx.Err())
		case <-time.After(resetPoll):
		}
	}
}

func (t target) isBack(ctx context.Context, before string) bool {
	ctx, cancel := context.WithTimeout(ctx, longestPause)
	defer cancel()
	c, err := t.connect(ctx)
	if err != nil {
		return false
	}
	defer c.Close() //nolint:errcheck // only asked a question
	if c.maintenance {
		return true
	}
	now, err := bootID(ctx, c)
	return err == nil && now != before
}
