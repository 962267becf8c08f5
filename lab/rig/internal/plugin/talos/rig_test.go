package talos_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"plinth.dev/lab/rig/internal/plugin/kubernetes"
	"plinth.dev/lab/rig/internal/plugin/property"
	"plinth.dev/lab/rig/internal/plugin/talos"
	"plinth.dev/lab/rig/internal/rack"
	"plinth.dev/lab/rig/internal/spec"
)

const (
	toolsVariable = "RIG_TOOLS"
	node          = "127.81.40.11"
	endpoint      = "https://127.81.40.100:6443"
	callLimit     = 2 * time.Minute
)

// startRig runs one simulated machine until the test ends.
func startRig(t *testing.T) {
	t.Helper()
	tools := os.Getenv(toolsVariable)
	if tools == "" {
		t.Skipf("%s names no folder with etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok", toolsVariable)
	}
	programs := map[string]string{}
	for _, program := range spec.Programs {
		programs[program] = filepath.Join(tools, program)
	}
	// A short path: a socket's name may not be long.
	dir, err := os.MkdirTemp("", "rig")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{
		"dir": dir, "tools": programs, "bootSeconds": 0.5,
		"machines": []any{map[string]any{
			"name": "cp-1", "address": node, "mac": "52:54:00:81:40:11", "uuid": "5b0c29a4-6ac4-4cbe-a0e2-8140110000aa",
			"memoryMiB": 8192, "talos": "v1.13.0", "powered": true,
			"disks": []any{map[string]any{"name": "/dev/sda", "sizeGiB": 64, "transport": "sata"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rig, err := spec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := rig.Tools.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := rack.New(rig)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- r.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the rig: %v", err)
		}
		_ = os.RemoveAll(dir)
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("the rig ended: %v", err)
	}
}

// stack makes resources with one plugin, the way an engine does.
type stack struct {
	*testing.T
	server pulumirpc.ResourceProviderServer
}

func (s stack) create(token string, inputs property.Map) (string, property.Map) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), callLimit)
	defer cancel()
	urn := "urn:pulumi:test::test::" + token + "::it"
	checked, err := s.server.Check(ctx, &pulumirpc.CheckRequest{Urn: urn, News: property.ToStruct(inputs)})
	if err != nil || len(checked.GetFailures()) > 0 {
		s.Fatalf("checking %s: %v %v", token, err, checked.GetFailures())
	}
	created, err := s.server.Create(ctx, &pulumirpc.CreateRequest{Urn: urn, Properties: checked.GetInputs()})
	if err != nil {
		s.Fatalf("creating %s: %s", token, status.Convert(err).Message())
	}
	return created.GetId(), property.PlainMap(property.FromStruct(created.GetProperties()))
}

func (s stack) invoke(token string, args property.Map) property.Map {
	s.Helper()
	answer, err := s.server.Invoke(s.Context(), &pulumirpc.InvokeRequest{Tok: token, Args: property.ToStruct(args)})
	if err != nil || len(answer.GetFailures()) > 0 {
		s.Fatalf("%s: %v %v", token, err, answer.GetFailures())
	}
	return property.FromStruct(answer.GetReturn())
}

func TestACleanMachineBecomesAClusterAndIsWipedAgain(t *testing.T) {
	startRig(t)
	s := stack{t, talos.New()}
	version := property.Map{"talosVersion": "v1.13.0"}
	_, secrets := s.create("talos:machine/secrets:Secrets", version)
	configuration := s.invoke("talos:machine/getConfiguration:getConfiguration", property.Map{
		"clusterName": "one", "clusterEndpoint": endpoint, "machineType": "controlplane", "talosVersion": "v1.13.0",
		"kubernetesVersion": "1.36.3", "machineSecrets": secrets["machineSecrets"],
		"configPatches": []any{`{"machine":{"install":{"disk":"/dev/sda","image":"ghcr.io/siderolabs/installer:v1.13.0"}}}`},
	})
	target := property.Map{"node": node, "clientConfiguration": secrets["clientConfiguration"]}
	_, applied := s.create("talos:machine/configurationApply:ConfigurationApply", property.Union(target, property.Map{
		"machineConfigurationInput": configuration["machineConfiguration"],
		"onDestroy":                 property.Map{"reset": true, "graceful": false, "reboot": true},
	}))
	s.create("talos:machine/bootstrap:Bootstrap", target)
	id, kubeconfig := s.create("talos:cluster/kubeconfig:Kubeconfig", target)
	if id != "one" {
		t.Errorf("the kubeconfig's id is %q, not the cluster's name", id)
	}
	useCluster(t, property.String(kubeconfig, "kubeconfigRaw"))

	ctx, cancel := context.WithTimeout(t.Context(), callLimit)
	defer cancel()
	urn := "urn:pulumi:test::test::talos:machine/configurationApply:ConfigurationApply::it"
	if _, err := s.server.Delete(ctx, &pulumirpc.DeleteRequest{Urn: urn, Id: "machine_configuration_apply", Properties: property.ToStruct(applied)}); err != nil {
		t.Fatalf("wiping the machine: %v", err)
	}
	// It is as it was: a second installation goes through without the old certificate.
	s.create("talos:machine/configurationApply:ConfigurationApply", property.Union(target, property.Map{
		"machineConfigurationInput": configuration["machineConfiguration"]}))
}

// useCluster makes an object with the kubeconfig that came out.
func useCluster(t *testing.T, kubeconfig string) {
	t.Helper()
	await(t, kubeconfig)
	s := stack{t, kubernetes.New()}
	configure(t, s, kubeconfig)
	_, namespace := s.create("kubernetes:core/v1:Namespace", property.Map{
		"apiVersion": "v1", "kind": "Namespace", "metadata": property.Map{"name": "proof"}})
	if phase := property.String(property.Object(namespace, "status"), "phase"); phase != "Active" {
		t.Errorf("the namespace is %q, not Active", phase)
	}
}

func configure(t *testing.T, s stack, kubeconfig string) {
	t.Helper()
	_, err := s.server.Configure(t.Context(), &pulumirpc.ConfigureRequest{
		Variables: map[string]string{"kubernetes:config:kubeconfig": kubeconfig}, Args: &structpb.Struct{}})
	if err != nil {
		t.Fatal(err)
	}
}

// await asks until the API server answers: a plugin configured before counts it as away.
func await(t *testing.T, kubeconfig string) {
	t.Helper()
	deadline := time.Now().Add(callLimit)
	for {
		s := stack{t, kubernetes.New()}
		configure(t, s, kubeconfig)
		_, err := s.server.Read(t.Context(), &pulumirpc.ReadRequest{
			Urn: "urn:pulumi:test::test::kubernetes:core/v1:Namespace::it", Id: "default"})
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the API server does not answer: %v", err)
		}
		time.Sleep(500 * time.Millisecond)
	}
}
