package host

import (
	"context"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
)

// How often the parent process is looked at, and how long a lost connection may take to come back.
const (
	parentPoll = 500 * time.Millisecond
	reconnect  = 5 * time.Second
)

// waitForEngineDeath returns once the engine is gone: its connection is lost for good, or this
// process was handed to another parent. A plugin that outlives its engine would keep waiting for a
// cluster nobody asks about any more.
func waitForEngineDeath(ctx context.Context, address string) {
	gone := make(chan struct{}, 2)
	go func() {
		parent := os.Getppid()
		for os.Getppid() == parent && sleep(ctx, parentPoll) {
		}
		gone <- struct{}{}
	}()
	if address != "" {
		go func() {
			watchConnection(ctx, address)
			gone <- struct{}{}
		}()
	}
	select {
	case <-gone:
	case <-ctx.Done():
	}
}

func watchConnection(ctx context.Context, address string) {
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0))
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		if !becomesReady(ctx, conn) {
			return
		}
		if !conn.WaitForStateChange(ctx, connectivity.Ready) {
			return
		}
	}
}

func becomesReady(ctx context.Context, conn *grpc.ClientConn) bool {
	deadline, cancel := context.WithTimeout(ctx, reconnect)
	defer cancel()
	for {
		conn.Connect()
		state := conn.GetState()
		if state == connectivity.Ready {
			return true
		}
		if !conn.WaitForStateChange(deadline, state) {
			return false
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
