package cluster

import (
	"errors"
	"os"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// restore makes the data directory from a snapshot, for the only member of a new cluster. It is
// complete or not there.
func (e *Etcd) restore(path, initial string, skipHashCheck bool) error {
	unfinished := e.DataDir() + ".restore"

	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}

	err := snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath:        path,
		Name:                e.session.Hostname(),
		OutputDataDir:       unfinished,
		PeerURLs:            []string{e.PeerURL()},
		InitialCluster:      initial,
		InitialClusterToken: "etcd-cluster",
		SkipHashCheck:       skipHashCheck,
	})
	if err != nil {
		return errors.Join(err, os.RemoveAll(unfinished))
	}

	if err = os.RemoveAll(e.DataDir()); err != nil {
		return err
	}

	return os.Rename(unfinished, e.DataDir())
}
