package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/settings"
)

const (
	// nodeAnnotation hands the node's pods to kwok.
	nodeAnnotation      = "kwok.x-k8s.io/node"
	nodeAnnotationValue = "fake"
	controlPlaneRole    = "node-role.kubernetes.io/control-plane"
	cniFolder           = "/etc/cni"
)

func (k *kubelet) newNode(name string, cfg config.Provider) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: k.agent.Spec.Arch,
			},
			Annotations: map[string]string{nodeAnnotation: nodeAnnotationValue},
		},
		Spec: corev1.NodeSpec{Taints: registrationTaints(cfg)},
	}

	return node
}

// registrationTaints are those a kubelet may only set when it first registers.
func registrationTaints(cfg config.Provider) []corev1.Taint {
	var taints []corev1.Taint

	for _, taint := range configuredTaints(cfg) {
		if taint.Key == controlPlaneRole {
			taints = append(taints, taint)
		}
	}

	extra, err := json.Marshal(cfg.K8sKubeletConfig().ExtraConfig()["registerWithTaints"])
	if err != nil {
		return taints
	}

	var configured []corev1.Taint
	if json.Unmarshal(extra, &configured) == nil {
		taints = append(taints, configured...)
	}

	return taints
}

// updateStatus writes what a kubelet reports, when it differs.
func (k *kubelet) updateStatus(ctx context.Context, node *corev1.Node, cfg config.Provider) error {
	next := node.DeepCopy()
	system := k.agent.System

	next.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: k.agent.Spec.Address},
		{Type: corev1.NodeHostName, Address: node.Name},
	}
	next.Status.NodeInfo = corev1.NodeSystemInfo{
		MachineID: k.agent.NodeID(), SystemUUID: k.agent.Spec.UUID, BootID: k.agent.BootID,
		KernelVersion: "6.18.0-talos", OSImage: fmt.Sprintf("Talos (%s)", system.Version), ContainerRuntimeVersion: "containerd://2.2.0",
		KubeletVersion: machine.ImageVersion(cfg.K8sKubeletConfig().Image()), OperatingSystem: "linux", Architecture: k.agent.Spec.Arch,
	}
	next.Status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("8"),
		corev1.ResourceMemory:           *resource.NewQuantity(int64(k.agent.Spec.MemoryMiB)<<20, resource.BinarySI), //nolint:gosec // memory sizes fit
		corev1.ResourcePods:             resource.MustParse("110"),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(int64(k.agent.Spec.Disks[0].SizeGiB)<<30, resource.BinarySI), //nolint:gosec // disk sizes fit
	}
	next.Status.Allocatable = next.Status.Capacity

	ready, reason, message := corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"

	if installed, err := k.cniInstalled(ctx, node.Name, cfg); err != nil {
		return err
	} else if !installed {
		ready, reason = corev1.ConditionFalse, "KubeletNotReady"
		message = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"
	}

	full := corev1.ConditionFalse
	if k.agent.Faults.Has(fault.DiskFull) {
		full = corev1.ConditionTrue
	}

	k.setCondition(next, corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available")
	k.setCondition(next, corev1.NodeDiskPressure, full, "KubeletDiskPressure", "kubelet disk usage")
	k.setCondition(next, corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available")
	k.setCondition(next, corev1.NodeReady, ready, reason, message)

	if jsonEqual(node.Status, next.Status) {
		return nil
	}

	updated, err := k.node.CoreV1().Nodes().UpdateStatus(ctx, next, metav1.UpdateOptions{})
	if err == nil {
		*node = *updated
	}

	return err
}

func (k *kubelet) setCondition(node *corev1.Node, kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) {
	now := metav1.NewTime(k.agent.Now())
	i := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == kind })

	if i < 0 {
		i = len(node.Status.Conditions)
		node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{Type: kind})
	}

	condition := &node.Status.Conditions[i]
	if condition.Status != status {
		condition.LastTransitionTime = now
	}

	if condition.Status != status || condition.Reason != reason || condition.Message != message {
		condition.LastHeartbeatTime = now
	}

	condition.Status, condition.Reason, condition.Message = status, reason, message
}

// cniInstalled: with `cni: none` a node has no network until a pod on it brings one, which is a
// pod that mounts the folder where the network's configuration goes.
func (k *kubelet) cniInstalled(ctx context.Context, node string, cfg config.Provider) (bool, error) {
	if settings.CNI(cfg) != constants.NoneCNI {
		return true, nil
	}

	pods, err := k.node.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return false, err
	}

	for _, pod := range pods.Items {
		if pod.Status.Phase != corev1.PodRunning {
			continue
		}

		for _, volume := range pod.Spec.Volumes {
			if volume.HostPath != nil && strings.HasPrefix(volume.HostPath.Path, cniFolder) {
				return true, nil
			}
		}
	}

	return false, nil
}

func jsonEqual(a, b any) bool {
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)

	return errLeft == nil && errRight == nil && string(left) == string(right)
}
