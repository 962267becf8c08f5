package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CheckNodes says which Node of the cluster is not ready.
func (a *Agent) CheckNodes(ctx context.Context) error {
	admin, err := a.administrator()
	if err != nil {
		return err
	}

	nodes, err := admin.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	if machines := len(a.registry.Cluster(a.ClusterID())); len(nodes.Items) < machines {
		return fmt.Errorf("%d of %d nodes are registered", len(nodes.Items), machines)
	}

	for _, node := range nodes.Items {
		if !nodeReady(&node) {
			return fmt.Errorf("node %s is not ready", node.Name)
		}
	}

	return nil
}

func nodeReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}

	return false
}
