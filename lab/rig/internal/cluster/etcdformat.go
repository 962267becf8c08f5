package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"

	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/release"
)

// One etcd program stands for all of its minors here, so what differs between them is modelled: once
// every member of a cluster runs a later minor, the cluster's version rises, and no member of an
// earlier minor starts on that data any more (etcd, server/etcdserver/version/downgrade.go).

// formatFile lies beside the data, so that it goes with them.
const formatFile = "cluster-version"

func (e *Etcd) formatPath() string { return filepath.Join(e.DataDir(), formatFile) }

// ClusterVersion is the minor that the member's data belong to, empty before it is known.
func (e *Etcd) ClusterVersion() string {
	raw, err := os.ReadFile(e.formatPath())
	if err != nil {
		return ""
	}

	return strings.TrimSpace(string(raw))
}

// Version is the minor of etcd that the machine runs: the one its configuration names, else the
// one that its Talos brings.
func (e *Etcd) Version() string { return etcdVersion(e.session.Config(), e.session.Release()) }

func etcdVersion(cfg config.Provider, running release.Release) string {
	if raw := cfg.RawV1Alpha1(); raw != nil && raw.ClusterConfig != nil && raw.ClusterConfig.EtcdConfig != nil {
		if tag, err := release.Parse(machine.ImageVersion(raw.ClusterConfig.EtcdConfig.ContainerImage)); err == nil {
			return fmt.Sprintf("%d.%d", tag.Major, tag.Minor)
		}
	}

	return running.Etcd()
}

// checkFormat refuses to start on data of a later minor, in etcd's own words.
func (e *Etcd) checkFormat() error {
	if !e.HasData() {
		return nil
	}

	if have, want := e.ClusterVersion(), e.Version(); later(have, want) {
		return fmt.Errorf("invalid downgrade; server version is lower than determined cluster version: current-server-version %s, determined-cluster-version %s", want, have)
	}

	return nil
}

// raiseFormat raises the cluster's version when all members run a later minor.
func (e *Etcd) raiseFormat(ctx context.Context, peers []*Etcd) error {
	common := e.Version()

	for _, peer := range peers {
		if version := peer.Version(); later(common, version) {
			common = version
		}
	}

	have := e.ClusterVersion()
	if have != "" && !later(common, have) {
		return nil
	}

	list, err := e.Members(ctx)
	if err != nil {
		return err
	}

	// A member that is away may run anything. Without any version yet, there is nothing to keep.
	if have != "" && len(list.Members) != len(peers) {
		return nil
	}

	return os.WriteFile(e.formatPath(), []byte(common+"\n"), 0o600)
}

// later compares minors such as 3.6 and 3.7; nothing is later than the unknown, and it than nothing.
func later(a, b string) bool {
	if a == "" || b == "" {
		return false
	}

	return slices.Compare(numbers(a), numbers(b)) > 0
}

func numbers(version string) []int {
	var major, minor int

	// Both come from a parsed version or from a file this package writes.
	_, _ = fmt.Sscanf(version, "%d.%d", &major, &minor)

	return []int{major, minor}
}
