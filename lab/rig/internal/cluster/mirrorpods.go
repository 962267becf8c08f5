package cluster

import (
	"context"
	"fmt"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"plinth.dev/lab/rig/internal/process"
)

const mirrorAnnotation = "kubernetes.io/config.mirror"

// Component is one control-plane program of a machine as Kubernetes shows it.
type Component struct {
	Name, Image string
	// Version is the version of the configuration resource it was rendered from.
	Version string
	Unit    *process.Unit
}

// Components are the static pods of a control plane.
func (a *Agent) Components(cfg config.Provider) []Component {
	if a.Etcd == nil {
		return nil
	}

	return []Component{
		{Name: "kube-apiserver", Image: cfg.K8sAPIServerConfig().Image(), Version: a.configVersion("kube-apiserver"), Unit: a.apiServer},
		{Name: "kube-controller-manager", Image: cfg.K8sControllerManagerConfig().Image(), Version: a.configVersion("kube-controller-manager"), Unit: a.controllerManager},
		{Name: "kube-scheduler", Image: cfg.K8sSchedulerConfig().Image(), Version: a.configVersion("kube-scheduler"), Unit: a.scheduler},
	}
}

// configVersion is the version of the resource a component was rendered from; empty before it is
// published. Clients compare it with the pod's annotation to see that a change has arrived.
func (a *Agent) configVersion(component string) string {
	id := a.ConfigIDs(component)[0]

	var res resource.Resource

	switch component {
	case k8s.APIServerID:
		res = k8s.NewAPIServerConfig(id)
	case k8s.ControllerManagerID:
		res = k8s.NewControllerManagerConfig(id)
	default:
		res = k8s.NewSchedulerConfig(id)
	}

	current, err := a.state.Get(context.Background(), res.Metadata())
	if err != nil {
		return ""
	}

	return current.Metadata().Version().String()
}

// ConfigIDs are the resources that hold a component's configuration; pods are rendered from the first.
func (a *Agent) ConfigIDs(component string) []string {
	if a.Release().HasFinalConfigs() {
		return []string{k8s.FinalPrefix + component, component}
	}

	return []string{component}
}

// syncMirrorPods shows the control-plane programs as pods, replacing one that has changed.
func (k *kubelet) syncMirrorPods(ctx context.Context, node *corev1.Node, cfg config.Provider) error {
	pods := k.node.CoreV1().Pods(metav1.NamespaceSystem)

	for _, component := range k.agent.Components(cfg) {
		if component.Version == "" {
			continue
		}

		wanted := mirrorPod(node, component)

		if k.agent.Failure(component.Name) != "" {
			// A program that cannot run is no running pod.
			if err := deletePod(ctx, pods, wanted.Name); err != nil {
				return err
			}

			continue
		}

		current, err := pods.Get(ctx, wanted.Name, metav1.GetOptions{})
		if err == nil && current.Annotations[mirrorAnnotation] != wanted.Annotations[mirrorAnnotation] {
			if err = deletePod(ctx, pods, wanted.Name); err == nil {
				_, err = pods.Create(ctx, wanted, metav1.CreateOptions{})
			}
		}

		// A node may not look at pods that are not its own, and a pod that is not there is not.
		if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			_, err = pods.Create(ctx, wanted, metav1.CreateOptions{})
		}

		if err != nil {
			return fmt.Errorf("mirror pod %s: %w", wanted.Name, err)
		}
	}

	return nil
}

func deletePod(ctx context.Context, pods typedcorev1.PodInterface, name string) error {
	now := int64(0)

	err := pods.Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil
	}

	return err
}

func mirrorPod(node *corev1.Node, component Component) *corev1.Pod {
	controller := true
	command := []string{"/usr/local/bin/" + component.Name}

	if wanted := component.Unit.Wanted(); wanted != nil {
		command = append(command, wanted.Args...)
	}

	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: component.Name + "-" + node.Name, Namespace: metav1.NamespaceSystem,
			Labels: map[string]string{"k8s-app": component.Name, "component": component.Name, "tier": "control-plane"},
			Annotations: map[string]string{
				constants.AnnotationStaticPodConfigVersion: component.Version,
				mirrorAnnotation:              fingerprint(component.Image, component.Version, command),
				"kubernetes.io/config.source": "http",
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID, Controller: &controller}},
		},
		Spec: corev1.PodSpec{
			NodeName: node.Name, HostNetwork: true, PriorityClassName: "system-cluster-critical",
			Containers:  []corev1.Container{{Name: component.Name, Image: component.Image, Command: command}},
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}},
		},
	}
}
