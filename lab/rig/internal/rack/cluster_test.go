package rack

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/meta"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

var (
	controlPlanes = []int{11, 12, 13}
	workers       = []int{21, 22}
)

// TestCluster takes three control planes and two workers through everything that happens to
// machines in their life. It is one test because starting a cluster is its largest part.
func TestCluster(t *testing.T) {
	b := newBench(t, 10, tools(t), append(slices.Clone(controlPlanes), workers...)...)
	kube := b.bringUp()

	for _, step := range []struct {
		name string
		run  func(*testing.T, *bench, *kubernetes.Clientset)
	}{
		{"members and health", checkHealth},
		{"configuration arrives without a reboot", checkConfigurationChange},
		{"a worker may not change its taints", checkNodeRestriction},
		{"pods run", checkPods},
		{"a reboot keeps the machine in the cluster", checkReboot},
		{"no quorum, no API", checkQuorum},
		{"the virtual address moves", checkFailover},
		{"a missing image keeps its program down", checkMissingImage},
		{"a member that was removed by a reset joins again", checkReset},
		{"the rack resumes", checkResume},
		{"nothing is left running", checkNothingLeft},
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

// bringUp goes from bare machines to five ready nodes.
func (b *bench) bringUp() *kubernetes.Clientset {
	b.Helper()

	started := time.Now()

	for _, host := range controlPlanes {
		b.apply(b.insecure(host), b.config(host, talosmachine.TypeControlPlane, nil), auto)
	}

	for _, host := range workers {
		b.apply(b.insecure(host), b.config(host, talosmachine.TypeWorker, nil), auto)
	}

	b.eventually(20*time.Second, func() error {
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()

		return b.talos(11).Bootstrap(ctx, &machineapi.BootstrapRequest{})
	})

	expectCode(b.T, b.talos(11).Bootstrap(b.ctx, &machineapi.BootstrapRequest{}), 6, "etcd data directory is not empty")

	var kube *kubernetes.Clientset

	b.eventually(20*time.Second, func() error {
		if _, err := b.talos(11).Kubeconfig(b.ctx); err != nil {
			return err
		}

		kube = b.kubernetes(11)

		return nil
	})

	b.eventually(60*time.Second, func() error { return b.nodesReady(kube, 5) })
	b.Logf("five ready nodes %s after the first apply", time.Since(started).Round(100*time.Millisecond))
	b.eventually(30*time.Second, func() error { return b.members(11, 3) })

	return kube
}

func (b *bench) nodesReady(kube *kubernetes.Clientset, count int) error {
	nodes, err := kube.CoreV1().Nodes().List(b.ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	ready := 0

	for _, node := range nodes.Items {
		if slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}) {
			ready++
		}
	}

	if ready != count {
		return fmt.Errorf("%d of %d nodes are ready", ready, count)
	}

	return nil
}

// members checks that etcd has so many voting members, as seen by one machine.
func (b *bench) members(host, count int) error {
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()

	list, err := b.talos(host).EtcdMemberList(ctx, &machineapi.EtcdMemberListRequest{})
	if err != nil {
		return err
	}

	voting := 0

	for _, member := range list.Messages[0].Members {
		if !member.IsLearner && member.Hostname != "" {
			voting++
		}
	}

	if voting != count || len(list.Messages[0].Members) != count {
		return fmt.Errorf("etcd has %d voting members of %d, want %d", voting, len(list.Messages[0].Members), count)
	}

	return nil
}

func checkHealth(t *testing.T, b *bench, _ *kubernetes.Clientset) {
	stream, err := b.talos(12).ClusterHealthCheck(b.ctx, 30*time.Second, nil)
	b.must(err)

	said := ""

	for {
		progress, err := stream.Recv()
		if err != nil {
			if err.Error() != "EOF" {
				t.Fatalf("health: %v after %s", err, said)
			}

			break
		}

		said += progress.Message + "\n"
	}

	if !strings.Contains(said, "all k8s nodes to report ready: OK") {
		t.Errorf("health says\n%s", said)
	}

	snapshot, err := b.talos(11).EtcdSnapshot(b.ctx, &machineapi.EtcdSnapshotRequest{})
	b.must(err)
	b.must(snapshot.Close())

	if cluster := b.status().Clusters[0]; !cluster.Quorum || len(cluster.APIServers) != 3 || cluster.Holder == "" {
		t.Errorf("unexpected cluster: %+v", cluster)
	}
}

// running returns the command line of a machine's program.
func (b *bench) running(host int, program string) string {
	for _, process := range b.machine(host).Processes {
		if process.Name == program {
			raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", process.PID))

			return strings.ReplaceAll(string(raw), "\x00", " ")
		}
	}

	return ""
}

// servingNames are the names in the certificate of a machine's API server.
func (b *bench) servingNames(host int) []string {
	dialer := &tls.Dialer{
		NetDialer: &net.Dialer{Timeout: time.Second},
		Config:    &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is what is looked at
	}

	conn, err := dialer.DialContext(b.ctx, "tcp", b.address(host)+":6443")
	if err != nil {
		return nil
	}

	defer conn.Close() //nolint:errcheck // nothing is sent

	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames //nolint:forcetypeassert // a TLS dialer
}

func checkConfigurationChange(t *testing.T, b *bench, kube *kubernetes.Clientset) {
	boot := b.machine(12).BootID

	changed := b.config(12, talosmachine.TypeControlPlane, func(cfg *configuration) {
		cfg.ClusterConfig.APIServerConfig.ExtraArgsConfig = meta.Args{"event-ttl": meta.NewArgValue("45m0s", nil)}
		cfg.ClusterConfig.APIServerConfig.ExtraCertSANs = []string{"extra.example.com"}
		cfg.MachineConfig.MachineNodeLabels["example.com/zone"] = "a"
		cfg.MachineConfig.MachineNodeTaints = map[string]string{"example.com/busy": "yes:NoSchedule"}
	})

	if applied := b.apply(b.talos(12), changed, auto); applied.Mode != noReboot {
		t.Fatalf("applied with %s: %s", applied.Mode, applied.ModeDetails)
	}

	b.eventually(30*time.Second, func() error {
		if !strings.Contains(b.running(12, "kube-apiserver"), "--event-ttl=45m0s") {
			return fmt.Errorf("the API server runs %q", b.running(12, "kube-apiserver"))
		}

		if !slices.Contains(b.servingNames(12), "extra.example.com") {
			return fmt.Errorf("the certificate names %v", b.servingNames(12))
		}

		node, err := kube.CoreV1().Nodes().Get(b.ctx, "node-12", metav1.GetOptions{})
		if err != nil {
			return err
		}

		tainted := slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == "example.com/busy" && t.Value == "yes" })
		if node.Labels["example.com/zone"] != "a" || !tainted {
			return fmt.Errorf("labels %v, taints %v", node.Labels, node.Spec.Taints)
		}

		return nil
	})

	if b.machine(12).BootID != boot {
		t.Error("the machine rebooted for it")
	}

	if strings.Contains(b.running(11, "kube-apiserver"), "event-ttl") {
		t.Error("another machine changed too")
	}

	b.apply(b.talos(12), b.config(12, talosmachine.TypeControlPlane, nil), auto)
	b.eventually(30*time.Second, func() error {
		node, err := kube.CoreV1().Nodes().Get(b.ctx, "node-12", metav1.GetOptions{})
		if err != nil {
			return err
		}

		if _, labelled := node.Labels["example.com/zone"]; labelled || len(node.Spec.Taints) != 1 {
			return fmt.Errorf("labels %v, taints %v stay", node.Labels, node.Spec.Taints)
		}

		return nil
	})
}

func checkNodeRestriction(_ *testing.T, b *bench, kube *kubernetes.Clientset) {
	b.apply(b.talos(21), b.config(21, talosmachine.TypeWorker, func(cfg *configuration) {
		cfg.MachineConfig.MachineNodeTaints = map[string]string{"example.com/busy": "yes:NoSchedule"}
	}), auto)

	b.eventually(10*time.Second, func() error {
		stream, err := b.talos(21).Dmesg(b.ctx, false, false)
		if err != nil {
			return err
		}

		for {
			line, err := stream.Recv()
			if err != nil {
				return fmt.Errorf("the machine does not complain: %w", err)
			}

			if strings.Contains(string(line.Bytes), "is not allowed to modify taints") {
				return nil
			}
		}
	})

	b.apply(b.talos(21), b.config(21, talosmachine.TypeWorker, func(cfg *configuration) {
		cfg.MachineConfig.MachineNodeLabels = map[string]string{"example.com/disk": "fast"}
	}), auto)
	b.eventually(10*time.Second, func() error {
		node, err := kube.CoreV1().Nodes().Get(b.ctx, "node-21", metav1.GetOptions{})
		if err != nil || node.Labels["example.com/disk"] != "fast" {
			return fmt.Errorf("label not there: %v %w", node.Labels, err)
		}

		return nil
	})
}

func checkPods(_ *testing.T, b *bench, kube *kubernetes.Clientset) {
	b.eventually(20*time.Second, func() error {
		_, err := kube.CoreV1().Pods("default").Create(b.ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "probe"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "probe:1"}}},
		}, metav1.CreateOptions{})

		return err
	})
	b.eventually(20*time.Second, func() error {
		pod, err := kube.CoreV1().Pods("default").Get(b.ctx, "probe", metav1.GetOptions{})
		if err != nil || pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
			return fmt.Errorf("the pod is %q at %q: %w", pod.Status.Phase, pod.Status.PodIP, err)
		}

		return nil
	})
}

func checkReboot(t *testing.T, b *bench, kube *kubernetes.Clientset) {
	before := b.machine(13).BootID

	b.must(b.talos(11).Reboot(client.WithNodes(b.ctx, b.address(13))))
	b.eventually(20*time.Second, func() error {
		if m := b.machine(13); m.BootID == before || m.Stage != "running" {
			return fmt.Errorf("not rebooted: %s", m.Stage)
		}

		return b.members(13, 3)
	})
	b.eventually(30*time.Second, func() error { return b.nodesReady(kube, 5) })

	b.must(b.control(http.MethodPost, "/machines/m13/faults", map[string]any{"fault": "no-reboot"}))

	before = b.machine(13).BootID
	b.must(b.talos(13).Reboot(b.ctx))
	time.Sleep(time.Second)

	if b.machine(13).BootID != before {
		t.Error("the machine rebooted in spite of its fault")
	}

	b.must(b.control(http.MethodDelete, "/machines/m13/faults", nil))
}

func checkQuorum(_ *testing.T, b *bench, kube *kubernetes.Clientset) {
	b.must(b.control(http.MethodPost, "/machines/m12/power", map[string]any{"state": "off"}))
	b.must(b.control(http.MethodPost, "/machines/m13/faults", map[string]any{"fault": "off"}))

	b.eventually(20*time.Second, func() error {
		if cluster := b.status().Clusters[0]; cluster.Quorum || len(cluster.APIServers) > 0 {
			return fmt.Errorf("the cluster is up without quorum: %+v", cluster)
		}

		if err := b.nodesReady(kube, 5); err == nil {
			return fmt.Errorf("the API answers without quorum")
		}

		return nil
	})

	b.must(b.control(http.MethodPost, "/machines/m12/power", map[string]any{"state": "on"}))
	b.eventually(60*time.Second, func() error { _, err := kube.CoreV1().Namespaces().List(b.ctx, metav1.ListOptions{}); return err })

	b.must(b.control(http.MethodDelete, "/machines/m13/faults/off", nil))
	b.eventually(60*time.Second, func() error { return b.nodesReady(kube, 5) })
	b.eventually(20*time.Second, func() error { return b.members(13, 3) })
}

func checkFailover(_ *testing.T, b *bench, kube *kubernetes.Clientset) {
	holder := b.status().Clusters[0].Holder

	b.must(b.control(http.MethodPost, "/machines/"+holder+"/power", map[string]any{"state": "off"}))
	b.eventually(30*time.Second, func() error {
		cluster := b.status().Clusters[0]
		if cluster.Holder == holder || len(cluster.APIServers) != 2 {
			return fmt.Errorf("the address has not moved: %+v", cluster)
		}

		// A service account is the work of a running controller manager.
		_, err := kube.CoreV1().Namespaces().Create(b.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "moved"}}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}

		_, err = kube.CoreV1().ServiceAccounts("moved").Get(b.ctx, "default", metav1.GetOptions{})

		return err
	})
	b.must(b.control(http.MethodPost, "/machines/"+holder+"/power", map[string]any{"state": "on"}))
	b.eventually(60*time.Second, func() error { return b.nodesReady(kube, 5) })
	b.eventually(20*time.Second, func() error { return b.members(11, 3) })
}

func checkMissingImage(_ *testing.T, b *bench, kube *kubernetes.Clientset) {
	image := "registry.k8s.io/kube-apiserver:v1.35.0"

	_, err := b.talos(12).MachineClient.ImagePull(b.ctx, &machineapi.ImagePullRequest{Reference: image}) //nolint:staticcheck // what upgrades call
	expectCode(b.T, err, 5, "there is no kube-apiserver v1.35.0 here")

	b.apply(b.talos(12), b.config(12, talosmachine.TypeControlPlane, func(cfg *configuration) {
		cfg.ClusterConfig.APIServerConfig.ContainerImage = image
	}), auto)
	b.eventually(20*time.Second, func() error {
		if b.running(12, "kube-apiserver") != "" {
			return fmt.Errorf("the API server still runs")
		}

		_, err := kube.CoreV1().Pods("kube-system").Get(b.ctx, "kube-apiserver-node-12", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("its pod is still there: %w", err)
		}

		return nil
	})

	b.apply(b.talos(12), b.config(12, talosmachine.TypeControlPlane, nil), auto)
	b.eventually(30*time.Second, func() error {
		if servers := b.status().Clusters[0].APIServers; len(servers) != 3 {
			return fmt.Errorf("API servers: %v", servers)
		}

		return nil
	})
}

func checkReset(_ *testing.T, b *bench, kube *kubernetes.Clientset) {
	b.must(b.talos(13).Reset(b.ctx, true, true))
	b.eventually(40*time.Second, func() error {
		if m := b.machine(13); m.Stage != "maintenance" || m.Installed {
			return fmt.Errorf("not reset: %+v", m)
		}

		return b.members(11, 2)
	})

	if err := b.nodesReady(kube, 4); err != nil {
		b.Error(err)
	}

	b.apply(b.insecure(13), b.config(13, talosmachine.TypeControlPlane, nil), auto)
	b.eventually(60*time.Second, func() error { return b.members(11, 3) })
	b.eventually(30*time.Second, func() error { return b.nodesReady(kube, 5) })
}

func checkResume(_ *testing.T, b *bench, kube *kubernetes.Clientset) {
	b.stop()
	b.start()
	b.eventually(60*time.Second, func() error { return b.nodesReady(kube, 5) })
	b.eventually(20*time.Second, func() error { return b.members(12, 3) })
}

func checkNothingLeft(t *testing.T, b *bench, _ *kubernetes.Clientset) {
	var pids []int

	for _, m := range b.status().Machines {
		for _, process := range m.Processes {
			pids = append(pids, process.PID)
		}
	}

	if len(pids) < 9 {
		t.Errorf("only %d processes ran", len(pids))
	}

	b.stop()

	for _, pid := range pids {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
}
