package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/pki"
	"plinth.dev/lab/rig/internal/settings"
)

const (
	kubeletInterval = time.Second
	leaseRenewal    = 10 * time.Second
	leaseSeconds    = 40
	leaseNamespace  = "kube-node-lease"
	kubeletRestart  = time.Second
)

// kubelet keeps a machine's Node: registration, status, lease, labels and taints of the machine
// configuration, and the mirror pods of a control plane. It speaks with the node's own identity,
// so the API server refuses it what it refuses a real one; only control planes, which have the
// keys, also act as an administrator.
type kubelet struct {
	agent *Agent

	// mu is held during a round, so that who stops the kubelet knows that it is over.
	mu      sync.Mutex
	stopped bool

	config   config.Provider
	server   string
	node     kubernetes.Interface
	admin    kubernetes.Interface
	renewed  time.Time
	settled  string
	failures string
	image    string
	// restarted is when the service last went away.
	restarted time.Time
}

func newKubelet(a *Agent) *kubelet { return &kubelet{agent: a} }

func (k *kubelet) run(ctx context.Context) {
	for ctx.Err() == nil {
		changed := k.agent.Hub.Changed()

		k.round(ctx)

		select {
		case <-ctx.Done():
		case <-time.After(kubeletInterval):
		case <-changed:
			// Several things change together.
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

func (k *kubelet) round(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()

	if !k.stopped && !k.agent.Faults.Has(fault.Hang) {
		k.report(ctx, k.sync(ctx))
	}
}

// stop ends the kubelet's work for this boot.
func (k *kubelet) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()

	k.stopped = true
}

func (k *kubelet) report(ctx context.Context, err error) {
	text := ""
	if err != nil && ctx.Err() == nil {
		text = err.Error()
	}

	if text != "" && text != k.failures {
		k.agent.Log.Printf("kubelet: %s", text)
	}

	k.failures = text
}

// sync brings the Node in line with the machine.
func (k *kubelet) sync(ctx context.Context) error {
	cfg := k.agent.Config()
	k.restart(cfg)

	connected, err := k.connect(cfg)
	if err != nil || !connected {
		return err
	}

	name := k.agent.Hostname()

	node, err := k.node.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})

	if apierrors.IsNotFound(err) {
		node, err = k.node.CoreV1().Nodes().Create(ctx, k.newNode(name, cfg), metav1.CreateOptions{})
	}

	if err != nil {
		return err
	}

	if err = k.renew(ctx, node.Name); err != nil {
		return err
	}

	if err = k.updateStatus(ctx, node, cfg); err != nil {
		return err
	}

	if err = k.applyMetadata(ctx, node, cfg); err != nil {
		return fmt.Errorf("node labels, annotations and taints: %w", err)
	}

	if k.agent.Etcd == nil {
		return nil
	}

	return k.syncMirrorPods(ctx, node, cfg)
}

// restart models the service: a new image or new arguments restart the kubelet.
func (k *kubelet) restart(cfg config.Provider) {
	settings := cfg.K8sKubeletConfig()
	image := fingerprint(settings.Image(), settings.ExtraArgs(), settings.ExtraConfig())

	if k.image != "" && k.image != image {
		k.agent.Services.Remove("kubelet")
		k.agent.Hub.Notify()
		k.restarted = time.Now()
	}

	k.image = image

	if time.Since(k.restarted) < kubeletRestart {
		return
	}

	k.agent.SetService("kubelet", machine.ServiceRunning, "Health check successful", true)
}

// connect makes clients for a live API server, its own first, and says whether there is one.
func (k *kubelet) connect(cfg config.Provider) (bool, error) {
	live := k.agent.registry.Live(settings.ClusterID(cfg))
	authority := k.agent.registry.Authority(settings.ClusterID(cfg))

	if len(live) == 0 || authority == nil {
		return false, nil
	}

	target := live[0]

	for _, candidate := range live {
		if candidate == k.agent {
			target = candidate
		}
	}

	server := apiServerAddress(target.Session, target.Config())
	name := k.agent.Hostname()

	if k.config == cfg && k.server == server {
		return true, nil
	}

	signer := authority.Config()

	node, err := client(signer, server, pki.Leaf{Name: "system:node:" + name, Organizations: []string{"system:nodes"}, Usage: pki.ClientAuth})
	if err != nil {
		return false, err
	}

	k.admin = nil

	if k.agent.Etcd != nil {
		if k.admin, err = client(cfg, server, pki.Leaf{Name: "talos:admin", Organizations: []string{"system:masters"}, Usage: pki.ClientAuth}); err != nil {
			return false, err
		}
	}

	k.config, k.server, k.node, k.settled, k.renewed = cfg, server, node, "", time.Time{}

	return true, nil
}

// renew keeps the lease by which the controller manager sees that the machine lives.
func (k *kubelet) renew(ctx context.Context, name string) error {
	if time.Since(k.renewed) < leaseRenewal {
		return nil
	}

	leases := k.node.CoordinationV1().Leases(leaseNamespace)
	now := metav1.NewMicroTime(k.agent.Now())
	seconds := int32(leaseSeconds)

	lease, err := leases.Get(ctx, name, metav1.GetOptions{})

	switch {
	case apierrors.IsNotFound(err):
		_, err = leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}, metav1.CreateOptions{})
	case err == nil:
		lease.Spec.RenewTime = &now
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}

	if err == nil {
		k.renewed = time.Now()
	}

	return err
}

// deleteNode forgets the Node of a machine that is reset.
func (k *kubelet) deleteNode(ctx context.Context) error {
	admin, err := k.agent.administrator()
	if errors.Is(err, errNoAPI) {
		return nil
	}

	if err != nil {
		return err
	}

	err = admin.CoreV1().Nodes().Delete(ctx, k.agent.Hostname(), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}

	return err
}

// DeleteNode removes the machine's Node through another machine's API server.
func (a *Agent) DeleteNode(ctx context.Context) error { return a.kubelet.deleteNode(ctx) }
