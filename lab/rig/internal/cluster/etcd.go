package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config"
	clientv3 "go.etcd.io/etcd/client/v3"

	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/pki"
	"plinth.dev/lab/rig/internal/process"
)

const (
	etcdClientPort = 2379
	etcdPeerPort   = 2380
	callTimeout    = 10 * time.Second
)

// Etcd is the member of one control-plane machine.
type Etcd struct {
	session *machine.Session
	unit    *process.Unit
	program func() (string, error)

	// reconciling lets one goroutine at a time write the member's files.
	reconciling sync.Mutex

	mu sync.Mutex
	// initial is the initial-cluster argument of a member without data; empty otherwise.
	initial string
	state   string
	wanted  bool
	client  *clientv3.Client
	leaving atomic.Bool
	healthy bool
	misses  int
	// refusal is why the member does not start on its data.
	refusal error
	// voting is set once the member is known not to be a learner.
	voting bool
}

var errNotRunning = errors.New("etcd is not running")

func newEtcd(s *machine.Session, program func() (string, error)) *Etcd {
	return &Etcd{
		session: s,
		program: program,
		unit:    process.NewUnit("etcd", filepath.Join(s.RunDir(), "log", "etcd.log"), s.Hub.Notify),
	}
}

// DataDir is where the member keeps its data.
func (e *Etcd) DataDir() string { return filepath.Join(e.session.DataDir(), "lib", "etcd") }

// HasData says whether the member has ever been started. Its log is what counts: a member killed
// before it wrote one starts from nothing.
func (e *Etcd) HasData() bool {
	logs, err := filepath.Glob(filepath.Join(e.DataDir(), "member", "wal", "*.wal"))

	return err == nil && len(logs) > 0
}

// Endpoint is the URL clients use.
func (e *Etcd) Endpoint() string {
	return fmt.Sprintf("https://%s:%d", e.session.Spec.Address, etcdClientPort)
}

// PeerURL is the URL other members use.
func (e *Etcd) PeerURL() string {
	return fmt.Sprintf("https://%s:%d", e.session.Spec.Address, etcdPeerPort)
}

// Healthy says whether the last linearizable read went through: the member runs and has quorum.
func (e *Etcd) Healthy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.healthy
}

// start runs the member. initial and state are only used by a member without data.
func (e *Etcd) start(initial, state string) error {
	if !e.HasData() {
		if err := os.RemoveAll(e.DataDir()); err != nil {
			return err
		}
	}

	e.mu.Lock()
	e.initial, e.state, e.wanted = initial, state, true
	e.mu.Unlock()

	return e.reconcile(e.session.Config())
}

func (e *Etcd) stop() {
	e.mu.Lock()
	e.wanted, e.healthy, e.voting = false, false, false

	if e.client != nil {
		_ = e.client.Close()
		e.client = nil
	}
	e.mu.Unlock()
	e.unit.Want(nil)
}

// reconcile makes the process follow the configuration.
func (e *Etcd) reconcile(cfg config.Provider) error {
	e.reconciling.Lock()
	defer e.reconciling.Unlock()

	e.mu.Lock()
	wanted, initial, state := e.wanted, e.initial, e.state
	e.mu.Unlock()

	if !wanted {
		return nil
	}

	refusal := e.checkFormat()

	e.mu.Lock()
	e.refusal = refusal
	e.mu.Unlock()

	if refusal != nil {
		e.unit.Want(nil)

		return refusal
	}

	path, err := e.program()
	if err != nil {
		return err
	}

	dir := filepath.Join(e.session.RunDir(), "etcd")
	inputs := fingerprint(e.session.Spec.Address, e.session.Hostname(), string(cfg.Cluster().Etcd().CA().Crt))

	if err = writeOnce(dir, inputs, func() (files, error) { return e.secrets(cfg) }); err != nil {
		return err
	}

	args := map[string][]string{
		"name":                        {e.session.Hostname()},
		"data-dir":                    {e.DataDir()},
		"listen-peer-urls":            {e.PeerURL()},
		"listen-client-urls":          {e.Endpoint()},
		"advertise-client-urls":       {e.Endpoint()},
		"initial-advertise-peer-urls": {e.PeerURL()},
		"client-cert-auth":            {"true"},
		"cert-file":                   {filepath.Join(dir, "server.crt")},
		"key-file":                    {filepath.Join(dir, "server.key")},
		"trusted-ca-file":             {filepath.Join(dir, "ca.crt")},
		"peer-client-cert-auth":       {"true"},
		"peer-cert-file":              {filepath.Join(dir, "peer.crt")},
		"peer-key-file":               {filepath.Join(dir, "peer.key")},
		"peer-trusted-ca-file":        {filepath.Join(dir, "ca.crt")},
		// The data is as durable as a laboratory needs; syncing would be most of the boot time.
		"unsafe-no-fsync": {"true"},
		"logger":          {"zap"},
	}

	if initial != "" {
		args["initial-cluster"] = []string{initial}
		args["initial-cluster-state"] = []string{state}
	}

	denied := []string{"name", "data-dir", "cert-file", "key-file", "trusted-ca-file", "peer-cert-file", "peer-key-file", "peer-trusted-ca-file"}
	if err = merge(args, cfg.Cluster().Etcd().ExtraArgs(), nil, denied); err != nil {
		return err
	}

	e.unit.Want(&process.Command{
		Path: path, Args: flags(args), Env: []string{"GOGC=50", "GOMAXPROCS=2"},
		Inputs: inputs,
	})

	return nil
}

// secrets are the certificates of the member, for its clients and its peers.
func (e *Etcd) secrets(cfg config.Provider) (files, error) {
	ca := cfg.Cluster().Etcd().CA()
	names := pki.Names{e.session.Spec.Address, "127.0.0.1", "localhost", e.session.Hostname()}
	out := files{"ca.crt": ca.Crt}

	for _, name := range []string{"server", "peer"} {
		pair, err := pki.Issue(ca, pki.Leaf{Name: e.session.Hostname(), Usage: pki.BothAuth, Names: names})
		if err != nil {
			return nil, err
		}

		out.add(name, pair)
	}

	return out, nil
}

// Refusal is why the member does not start on its data, nil when it does.
func (e *Etcd) Refusal() error {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.refusal
}

// waiting says what a member that does not run yet waits for.
func (e *Etcd) waiting() string {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.wanted {
		return ""
	}

	return "Waiting for etcd to be bootstrapped or for a cluster to join"
}

func initialCluster(entries map[string]string) string {
	list := make([]string, 0, len(entries))
	for url, name := range entries {
		list = append(list, name+"="+url)
	}

	slices.Sort(list)

	return strings.Join(list, ",")
}
