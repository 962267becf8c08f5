package cluster

import (
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// restore makes a data directory from a snapshot, as the only member of a new cluster.
func restore(path, dataDir, name, initial, peerURL string, skipHashCheck bool) error {
	return snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath:        path,
		Name:                name,
		OutputDataDir:       dataDir,
		PeerURLs:            []string{peerURL},
		InitialCluster:      initial,
		InitialClusterToken: "etcd-cluster",
		SkipHashCheck:       skipHashCheck,
	})
}
