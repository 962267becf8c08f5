package replay

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// toolsVariable names the folder with the real Kubernetes programs.
const toolsVariable = "RIG_TOOLS"

const (
	clusterHost = "127.81.20.1"
	readyLimit  = 60 * time.Second
	token       = "replay-admin"
)

// liveCluster is a real control plane with simulated nodes.
type liveCluster struct {
	kubeconfig, path string
	client           *kubernetes.Clientset
}

// startCluster runs a control plane for one test; without the programs it skips the test.
func startCluster(t *testing.T) *liveCluster {
	t.Helper()
	tools := os.Getenv(toolsVariable)
	if tools == "" {
		t.Skipf("%s names no folder with etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok", toolsVariable)
	}
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	accountKey := write("sa.key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	cluster := &liveCluster{kubeconfig: fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "https://%s:6443", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: %s}}]
contexts: [{name: admin, context: {cluster: local, user: admin}}]
current-context: admin
`, clusterHost, token)}
	kubeconfig := write("kubeconfig", cluster.kubeconfig)
	cluster.path = kubeconfig
	etcd := "http://" + clusterHost + ":2379"
	run := func(program string, args ...string) {
		startProgram(t, filepath.Join(tools, program), filepath.Join(dir, program+".log"), args...)
	}
	run("etcd", "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls=http://"+clusterHost+":2380", "--initial-advertise-peer-urls=http://"+clusterHost+":2380",
		"--initial-cluster=default=http://"+clusterHost+":2380")
	run("kube-apiserver", "--etcd-servers="+etcd, "--bind-address="+clusterHost, "--advertise-address="+clusterHost,
		"--endpoint-reconciler-type=none", "--authorization-mode=Node,RBAC", "--allow-privileged=true",
		"--cert-dir="+filepath.Join(dir, "certs"), "--token-auth-file="+write("tokens.csv", token+`,admin,admin,"system:masters"`+"\n"),
		"--service-cluster-ip-range=10.96.0.0/16", "--service-account-issuer=https://"+clusterHost,
		"--service-account-key-file="+accountKey, "--service-account-signing-key-file="+accountKey)
	cluster.connect(t)
	run("kube-controller-manager", "--kubeconfig="+kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--service-account-private-key-file="+accountKey)
	run("kube-scheduler", "--kubeconfig="+kubeconfig, "--leader-elect=false", "--secure-port=0")
	stages, err := filepath.Abs(filepath.Join("..", "..", "cluster", "stages.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	run("kwok", "--kubeconfig="+kubeconfig, "--config="+stages,
		"--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake", "--node-lease-duration-seconds=40")
	cluster.addNode(t)
	return cluster
}

// startProgram runs a child that dies with the test, whatever happens to it.
func startProgram(t *testing.T, path, logPath string, args ...string) {
	t.Helper()
	log, err := os.Create(logPath)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, args...)
	command.Stdout, command.Stderr, command.Dir = log, log, filepath.Dir(logPath)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		_ = log.Close()
	})
}

func (c *liveCluster) connect(t *testing.T) {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(c.kubeconfig))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = 100, 100
	if c.client, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the API server", func(ctx context.Context) error {
		_, err := c.client.CoreV1().Namespaces().Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

func (c *liveCluster) addNode(t *testing.T) {
	t.Helper()
	now := metav1.Now()
	eventually(t, "a node", func(ctx context.Context) error {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
			Name: "node-1", Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"}}}
		if _, err := c.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !strings.Contains(err.Error(), "already exists") {
			return err
		}
		status := fmt.Sprintf(`{"status":{"capacity":{"cpu":"32","memory":"64Gi","pods":"110"},"allocatable":{"cpu":"32","memory":"64Gi","pods":"110"},
			"addresses":[{"type":"InternalIP","address":"127.81.20.10"}],
			"conditions":[{"type":"Ready","status":"True","reason":"Ready","message":"","lastHeartbeatTime":%q,"lastTransitionTime":%q}]}}`,
			now.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		_, err := c.client.CoreV1().Nodes().Patch(ctx, "node-1", types.StrategicMergePatchType, []byte(status), metav1.PatchOptions{}, "status")
		return err
	})
	eventually(t, "the default service account", func(ctx context.Context) error {
		_, err := c.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

func eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	deadline := time.Now().Add(readyLimit)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := try(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not there after %v: %v", what, readyLimit, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
