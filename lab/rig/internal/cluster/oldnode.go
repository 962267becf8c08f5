package cluster

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"plinth.dev/lab/rig/internal/pki"
)

var errNoAPI = errors.New("no Kubernetes API answers")

// administrator is a client of the cluster's API with all rights, through any control plane.
func (a *Agent) administrator() (*kubernetes.Clientset, error) {
	live := a.registry.Live(a.ClusterID())
	if len(live) == 0 {
		return nil, errNoAPI
	}

	cfg := live[0].Config()

	return client(cfg, apiServerAddress(live[0].Session, cfg), pki.Leaf{
		Name: "talos:admin", Organizations: []string{"system:masters"}, Usage: pki.ClientAuth,
	})
}

func (a *Agent) oldNode() string { return a.Hostname() + "-old" }

// AddOldNode leaves a Node object with the machine's address and another name, as a renamed or
// rebuilt machine does.
func (a *Agent) AddOldNode(ctx context.Context) error {
	admin, err := a.administrator()
	if err != nil {
		return err
	}

	node, err := admin.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: a.oldNode(), Labels: map[string]string{corev1.LabelHostname: a.oldNode()},
	}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}

	node.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: a.Spec.Address}, {Type: corev1.NodeHostName, Address: node.Name},
	}
	node.Status.NodeInfo.OSImage = "Talos (v1.0.0)"
	node.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status.",
	}}

	_, err = admin.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})

	return err
}

// RemoveOldNode deletes that object, if it is still there.
func (a *Agent) RemoveOldNode(ctx context.Context) error {
	admin, err := a.administrator()
	if err != nil {
		return err
	}

	err = admin.CoreV1().Nodes().Delete(ctx, a.oldNode(), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}

	return err
}
