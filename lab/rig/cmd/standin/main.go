// Command standin is several provider plugins in one binary: its own file name tells which one runs.
// Each speaks the official plugin's tokens, for a machine that cannot fetch the official one.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/command"
	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/kubernetes"
	"plinth.dev/lab/rig/internal/plugin/random"
	"plinth.dev/lab/rig/internal/plugin/recorded"
	"plinth.dev/lab/rig/internal/plugin/talos"
	"plinth.dev/lab/rig/internal/plugin/tls"
)

var plugins = map[string]func() pulumirpc.ResourceProviderServer{
	"command":    func() pulumirpc.ResourceProviderServer { return command.New() },
	"kubernetes": func() pulumirpc.ResourceProviderServer { return kubernetes.New() },
	"random":     func() pulumirpc.ResourceProviderServer { return random.New() },
	"talos":      func() pulumirpc.ResourceProviderServer { return talos.New() },
	"tls":        func() pulumirpc.ResourceProviderServer { return tls.New() },
}

func init() {
	for _, name := range recorded.Names {
		plugins[name] = func() pulumirpc.ResourceProviderServer { return recorded.New(name) }
	}
}

func main() {
	own := filepath.Base(os.Args[0])
	name := strings.TrimPrefix(own, "pulumi-resource-")
	create, known := plugins[name]
	if !known {
		fmt.Fprintf(os.Stderr, "%s: install this program as pulumi-resource-<name>, where <name> is one of %s\n", own, strings.Join(slices.Sorted(maps.Keys(plugins)), ", "))
		os.Exit(2)
	}
	if err := host.Serve(name, os.Args[1:], create()); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-%s: %v\n", name, err)
		os.Exit(1)
	}
}
