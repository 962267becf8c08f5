// Command rig runs simulated Talos machines on loopback addresses, with real etcd and a real
// Kubernetes control plane behind them.
//
//	rig serve --config rig.json
//
// runs in the foreground until it is told to stop, prints {"ready":true} once every machine that
// is on can be reached, and can be controlled on the socket rig.sock in the folder it keeps.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"plinth.dev/lab/rig/internal/rack"
	"plinth.dev/lab/rig/internal/spec"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 || args[0] != "serve" {
		return errors.New("usage: rig serve --config rig.json")
	}

	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	path := flags.String("config", "rig.json", "the file that describes the machines")

	if err := flags.Parse(args[1:]); err != nil {
		return err
	}

	rig, err := spec.Load(*path)
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	if err = rig.Tools.Identify(ctx); err != nil {
		return err
	}

	r, err := rack.New(rig)
	if err != nil {
		return err
	}

	return r.Run(ctx, func() { fmt.Println(`{"ready":true}`) })
}
