package cluster

import (
	"context"
	"crypto/tls"
	stdx509 "crypto/x509"
	"fmt"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"plinth.dev/lab/rig/internal/pki"
)

// Client returns a client for this member alone.
func (e *Etcd) Client() (*clientv3.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.client != nil {
		return e.client, nil
	}

	c, err := e.dial(e.Endpoint())
	if err != nil {
		return nil, err
	}

	e.client = c

	return c, nil
}

func (e *Etcd) dial(endpoint string) (*clientv3.Client, error) {
	cfg := e.session.Config()
	ca := cfg.Cluster().Etcd().CA()

	pair, err := pki.Issue(ca, pki.Leaf{Name: "talos", Usage: pki.ClientAuth})
	if err != nil {
		return nil, err
	}

	pool := stdx509.NewCertPool()
	pool.AppendCertsFromPEM(ca.Crt)

	return clientv3.New(clientv3.Config{
		Endpoints:   []string{endpoint},
		DialTimeout: 2 * time.Second,
		DialOptions: []grpc.DialOption{grpc.WithSharedWriteBuffer(true)},
		TLS:         &tls.Config{Certificates: []tls.Certificate{*pair.Certificate}, RootCAs: pool, MinVersion: tls.VersionTLS12},
		Logger:      zap.NewNop(),
	})
}

// toleratedMisses keeps an election or a busy moment from counting as a lost quorum.
const toleratedMisses = 3

// probe reads through the quorum, which fails without one.
func (e *Etcd) probe(ctx context.Context) {
	running := e.unit.State().Running
	err := errNotRunning

	if running {
		var c *clientv3.Client
		if c, err = e.Client(); err == nil {
			ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
			_, err = c.Get(ctx, "health")

			cancel()
		}
	}

	e.mu.Lock()
	before := e.healthy

	switch {
	case !running || !e.wanted:
		e.healthy, e.misses = false, 0
	case err == nil:
		e.healthy, e.misses = true, 0
	default:
		e.misses++
		e.healthy = e.healthy && e.misses < toleratedMisses
	}

	changed := e.healthy != before
	e.mu.Unlock()

	if changed {
		e.session.Hub.Notify()
	}
}

// Members lists the cluster's members as this member knows them.
func (e *Etcd) Members(ctx context.Context) (*clientv3.MemberListResponse, error) {
	c, err := e.Client()
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	return c.MemberList(ctx)
}

// self is this member's id.
func (e *Etcd) self(ctx context.Context) (uint64, error) {
	list, err := e.Members(ctx)
	if err != nil {
		return 0, err
	}

	for _, member := range list.Members {
		if slices.Contains(member.PeerURLs, e.PeerURL()) {
			return member.ID, nil
		}
	}

	return 0, fmt.Errorf("this machine is not a member of its etcd cluster")
}
