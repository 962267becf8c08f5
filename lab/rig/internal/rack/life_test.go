package rack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"plinth.dev/lab/rig/internal/spec"
)

// talosctl runs the official client, which RIG_TALOSCTL names, as an administrator.
func (b *bench) talosctl(host int, args ...string) (string, error) {
	b.Helper()

	program := os.Getenv("RIG_TALOSCTL")
	if program == "" {
		b.Skip("RIG_TALOSCTL does not name the official client")
	}

	raw, err := b.access.Bytes()
	b.must(err)

	file := filepath.Join(b.TempDir(), "talosconfig")
	b.must(os.WriteFile(file, raw, 0o600))

	ctx, cancel := context.WithTimeout(b.ctx, 4*time.Minute)
	defer cancel()

	command := exec.CommandContext(ctx, program, append([]string{"--talosconfig", file, "-e", b.address(11), "-n", b.address(host)}, args...)...)
	out, err := command.CombinedOutput()

	return string(out), err
}

func (b *bench) mustTalosctl(host int, args ...string) string {
	b.Helper()

	out, err := b.talosctl(host, args...)
	if err != nil {
		b.Fatalf("talosctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}

	return out
}

// withOlderKubernetes adds the control plane of Kubernetes 1.35.4, which RIG_OLDER_TOOLS has.
func withOlderKubernetes(t *testing.T, programs spec.Tools) spec.Tools {
	t.Helper()

	folder := os.Getenv("RIG_OLDER_TOOLS")
	if folder == "" {
		t.Skip("RIG_OLDER_TOOLS does not name a folder with the control plane of Kubernetes 1.35.4")
	}

	for _, program := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		programs[program]["v1.35.4"] = filepath.Join(folder, program)
	}

	return programs
}

// TestLife takes a control plane and a worker through what the official client does to a cluster
// over the years: another Talos, another Kubernetes, back, and from a snapshot.
func TestLife(t *testing.T) {
	b := newBenchOf(t, 15, withOlderKubernetes(t, withRules(t, tools(t))), map[int]string{11: "v1.12.0", 21: "v1.12.0"})
	b.input = b.inputFor(config.TalosVersion1_12, "1.35.4", "v1.12.0")

	schedule := func(cfg *configuration) {
		yes := true
		cfg.ClusterConfig.AllowSchedulingOnControlPlanes = &yes //nolint:staticcheck // what 1.13 has
	}

	b.apply(b.insecure(11), b.config(11, talosmachine.TypeControlPlane, schedule), auto)
	b.apply(b.insecure(21), b.config(21, talosmachine.TypeWorker, nil), auto)
	b.eventually(40*time.Second, func() error {
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()

		return b.talos(11).Bootstrap(ctx, &machineapi.BootstrapRequest{})
	})

	kube := b.kubernetes(11)
	b.eventually(2*time.Minute, func() error { return b.nodesReady(kube, 2) })

	for _, step := range []struct {
		name string
		run  func(*testing.T, *bench, *kubernetes.Clientset)
	}{
		{"a version of Kubernetes that Talos does not support is refused", refuseKubernetes},
		{"talosctl upgrade of a Talos that has only the older call", upgradeOlderTalos},
		{"talosctl upgrade-k8s", upgradeKubernetes},
		{"pods leave a drained node as their budget allows", drainWithBudget},
		{"talosctl upgrade, and rollback over a change of etcd's format", upgradeAndBack},
		{"a snapshot brings a wiped cluster back", recoverFromSnapshot},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			outer := b.T
			b.T = t

			defer func() { b.T = outer }()

			step.run(t, b, kube)
		}) {
			t.FailNow()
		}
	}
}

func refuseKubernetes(t *testing.T, b *bench, _ *kubernetes.Clientset) {
	out, err := b.talosctl(11, "upgrade-k8s", "--to", "1.36.3", "--endpoint", fmt.Sprintf("https://%s:6443", b.address(11)))
	if err == nil || !strings.Contains(out, "1.36.3") {
		t.Errorf("Talos 1.12 takes Kubernetes 1.36: %v\n%s", err, out)
	}
}

func upgradeOlderTalos(t *testing.T, b *bench, kube *kubernetes.Clientset) {
	for _, host := range []int{21, 11} {
		out := b.mustTalosctl(host, "upgrade", "--image", installer("v1.13.9"), "--progress", "plain", "--timeout", "3m")
		if !strings.Contains(out, "falling back to legacy") {
			t.Errorf("1.12 has the newer call:\n%s", out)
		}

		b.runs(host, "v1.13.9", "B")
	}

	b.eventually(2*time.Minute, func() error { return b.nodesReady(kube, 2) })
}

func upgradeKubernetes(t *testing.T, b *bench, kube *kubernetes.Clientset) {
	b.mustTalosctl(11, "upgrade-k8s", "--to", "1.36.3", "--endpoint", fmt.Sprintf("https://%s:6443", b.address(11)))

	for _, host := range []int{11, 21} {
		node, err := kube.CoreV1().Nodes().Get(b.ctx, fmt.Sprintf("node-%d", host), metav1.GetOptions{})
		b.must(err)

		if got := node.Status.NodeInfo.KubeletVersion; got != "v1.36.3" {
			t.Errorf("kubelet of %s is %s", node.Name, got)
		}
	}

	pod, err := kube.CoreV1().Pods("kube-system").Get(b.ctx, "kube-apiserver-node-11", metav1.GetOptions{})
	b.must(err)

	if image := pod.Spec.Containers[0].Image; !strings.HasSuffix(image, ":v1.36.3") {
		t.Errorf("the API server's pod has %s", image)
	}
}

func drainWithBudget(t *testing.T, b *bench, kube *kubernetes.Clientset) {
	labels := map[string]string{"app": "web"}
	replicas, one := int32(2), intstr.FromInt32(1)

	_, err := kube.AppsV1().Deployments("default").Create(b.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:v1"}}},
			},
		},
	}, metav1.CreateOptions{})
	b.must(err)

	_, err = kube.PolicyV1().PodDisruptionBudgets("default").Create(b.ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: labels}},
	}, metav1.CreateOptions{})
	b.must(err)

	running := func() (map[string]string, error) {
		pods, err := kube.CoreV1().Pods("default").List(b.ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			return nil, err
		}

		where := map[string]string{}

		for _, pod := range pods.Items {
			if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
				where[pod.Name] = pod.Spec.NodeName
			}
		}

		return where, nil
	}

	b.eventually(time.Minute, func() error {
		if where, err := running(); err != nil || len(where) != 2 {
			return fmt.Errorf("%v %w", where, err)
		}

		return nil
	})

	_, err = kube.CoreV1().Nodes().Patch(b.ctx, "node-21", "application/merge-patch+json", []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
	b.must(err)

	b.eventually(time.Minute, func() error {
		where, err := running()
		if err != nil {
			return err
		}

		left := 0

		for pod, node := range where {
			if node == "node-21" {
				left++

				// A budget answers 429 until another pod is ready elsewhere.
				_ = kube.CoreV1().Pods("default").EvictV1(b.ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: "default"}})
			}
		}

		if left > 0 || len(where) != 2 {
			return fmt.Errorf("%v", where)
		}

		return nil
	})

	_, err = kube.CoreV1().Nodes().Patch(b.ctx, "node-21", "application/merge-patch+json", []byte(`{"spec":{"unschedulable":false}}`), metav1.PatchOptions{})
	b.must(err)
}

func upgradeAndBack(t *testing.T, b *bench, kube *kubernetes.Clientset) {
	b.mustTalosctl(11, "upgrade", "--image", installer("v1.14.1"), "--no-reboot", "--progress", "plain")

	if m := b.machine(11); m.Talos != "v1.13.9" || m.Pending != "v1.14.1" {
		t.Fatalf("after the installation: %+v", m)
	}

	b.mustTalosctl(11, "reboot", "--wait", "--timeout", "3m")
	b.runs(11, "v1.14.1", "A")
	b.eventually(time.Minute, func() error { return b.members(11, 1) })

	// The only member runs a later minor, so the cluster's version rises.
	b.eventually(20*time.Second, func() error {
		raw, err := os.ReadFile(filepath.Join(b.rig.Dir, "machines", "m11", "var", "lib", "etcd", "cluster-version"))
		if err == nil && strings.TrimSpace(string(raw)) != "3.7" {
			err = fmt.Errorf("%s", raw)
		}

		return err
	})

	if out := b.mustTalosctl(11, "get", "extensions"); !strings.Contains(out, schematic) {
		t.Errorf("the schematic is not shown:\n%s", out)
	}

	b.mustTalosctl(11, "rollback")
	b.runs(11, "v1.13.9", "B")
	b.eventually(30*time.Second, func() error {
		if out, err := b.talosctl(11, "service", "etcd"); err != nil || !strings.Contains(out, "invalid downgrade") {
			return fmt.Errorf("etcd started on data of a later minor: %w\n%s", err, out)
		}

		return nil
	})

	// The way out is forward again; without etcd there is nobody to ask for a drain.
	b.mustTalosctl(11, "upgrade", "--image", installer("v1.14.1"), "--no-reboot", "--progress", "plain")
	b.must(b.talos(11).Reboot(b.ctx))
	b.runs(11, "v1.14.1", "A")
	b.eventually(2*time.Minute, func() error { return b.nodesReady(kube, 2) })
}

func recoverFromSnapshot(t *testing.T, b *bench, kube *kubernetes.Clientset) {
	_, err := kube.CoreV1().ConfigMaps("default").Create(b.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "before"}}, metav1.CreateOptions{})
	b.must(err)

	snapshot := filepath.Join(b.TempDir(), "etcd.snapshot")
	b.mustTalosctl(11, "etcd", "snapshot", snapshot)

	boot := b.machine(11).BootID

	b.mustTalosctl(11, "reset", "--graceful=false", "--reboot", "--system-labels-to-wipe", "EPHEMERAL", "--wait=false")
	b.eventually(time.Minute, func() error {
		if m := b.machine(11); m.BootID == boot || m.Stage != "running" {
			return fmt.Errorf("%s", m.Stage)
		}

		return nil
	})
	b.eventually(time.Minute, func() error {
		out, err := b.talosctl(11, "bootstrap", "--recover-from", snapshot)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}

		return nil
	})
	b.eventually(2*time.Minute, func() error {
		_, err := kube.CoreV1().ConfigMaps("default").Get(b.ctx, "before", metav1.GetOptions{})

		return err
	})
}
