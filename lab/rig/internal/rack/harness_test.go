package rack

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"plinth.dev/lab/rig/internal/spec"
)

// kubernetesVersion is the one of the tools the project builds.
const kubernetesVersion = "1.36.3"

// tools returns real programs, or skips the test when there are none.
func tools(t *testing.T) spec.Tools {
	t.Helper()

	folder := os.Getenv("RIG_TOOLS")
	if folder == "" {
		t.Skip("RIG_TOOLS does not name a folder with etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok")
	}

	found := spec.Tools{}
	for _, program := range spec.Programs {
		found[program] = spec.Binaries{"": filepath.Join(folder, program)}
	}

	if err := found.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}

	return found
}

// noTools stands for programs in tests that never start one.
func noTools() spec.Tools {
	none := spec.Tools{}
	for _, program := range spec.Programs {
		none[program] = spec.Binaries{"": "/nonexistent/" + program}
	}

	return none
}

// bench is a rack under test.
type bench struct {
	*testing.T

	rig    *spec.Rig
	ctx    context.Context
	cancel context.CancelFunc
	done   chan error
	http   *http.Client

	network int
	bundle  *secrets.Bundle
	input   *generate.Input
	access  *clientconfig.Config
}

// newBench starts machines 127.80.<net>.<host> and generates secrets for them.
func newBench(t *testing.T, network int, programs spec.Tools, hosts ...int) *bench {
	t.Helper()

	media := map[int]string{}
	for _, host := range hosts {
		media[host] = "v1.13.0"
	}

	return newBenchOf(t, network, programs, media)
}

// newBenchOf starts machines with the given Talos versions as their installation media.
func newBenchOf(t *testing.T, network int, programs spec.Tools, media map[int]string) *bench {
	t.Helper()

	b := &bench{T: t, rig: &spec.Rig{Dir: t.TempDir(), Tools: programs, BootSeconds: 0.2}}
	on := true

	for _, host := range slices.Sorted(maps.Keys(media)) {
		b.rig.Machines = append(b.rig.Machines, spec.Machine{
			Name: fmt.Sprintf("m%d", host), Address: fmt.Sprintf("127.80.%d.%d", network, host),
			MAC: fmt.Sprintf("52:54:00:80:%02x:%02x", network, host), UUID: fmt.Sprintf("00000000-0000-4000-8000-0000000%02d%03d", network, host),
			Arch: "amd64", MemoryMiB: 8192, Talos: media[host], Powered: &on,
			Disks: []spec.Disk{{Name: "/dev/sda", SizeGiB: 64, Serial: "S1", Model: "SIM", Transport: "sata"}},
		})
	}

	bundle, err := secrets.NewBundle(secrets.NewClock(), nil)
	b.must(err)

	b.network, b.bundle = network, bundle
	b.input = b.inputFor(config.TalosVersion1_13, kubernetesVersion, "v1.13.0")

	b.access, err = b.input.Talosconfig()
	b.must(err)

	b.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(b.rig.Dir, socketName))
		},
		DisableKeepAlives: true,
	}}

	b.start()
	t.Cleanup(b.stop)

	return b
}

// inputFor generates configurations of a contract, for a Kubernetes and a Talos version.
func (b *bench) inputFor(contract *config.VersionContract, kubernetes, talos string) *generate.Input {
	b.Helper()

	input, err := generate.NewInput("bench", fmt.Sprintf("https://127.80.%d.100:6443", b.network), kubernetes,
		generate.WithVersionContract(contract), generate.WithSecretsBundle(b.bundle), generate.WithInstallDisk("/dev/sda"),
		generate.WithInstallImage(installer(talos)))
	b.must(err)

	return input
}

func installer(talos string) string {
	return "factory.talos.dev/metal-installer/" + schematic + ":" + talos
}

const schematic = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"

// start runs the rack on its folder and waits until it is ready.
func (b *bench) start() {
	b.Helper()

	r, err := New(b.rig)
	b.must(err)

	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.done = make(chan error, 1)
	ready := make(chan struct{})

	go func() { b.done <- r.Run(b.ctx, func() { close(ready) }) }()

	select {
	case <-ready:
	case err := <-b.done:
		b.Fatalf("the rack ended: %v", err)
	case <-time.After(30 * time.Second):
		b.Fatal("the rack is not ready after 30 s")
	}
}

// stop ends the rack and waits until nothing runs.
func (b *bench) stop() {
	if b.cancel == nil {
		return
	}

	b.cancel()
	b.cancel = nil

	select {
	case err := <-b.done:
		if err != nil {
			b.Errorf("the rack ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		b.Error("the rack does not stop")
	}
}

func (b *bench) must(err error) {
	b.Helper()

	if err != nil {
		b.Fatal(err)
	}
}

// eventually retries until check succeeds; the last error is the failure.
func (b *bench) eventually(limit time.Duration, check func() error) {
	b.Helper()

	deadline := time.Now().Add(limit)

	for {
		err := check()
		if err == nil {
			return
		}

		if time.Now().After(deadline) {
			b.Fatalf("after %s: %v", limit, err)
		}

		time.Sleep(100 * time.Millisecond)
	}
}

// address of a machine by its host number.
func (b *bench) address(host int) string {
	for _, m := range b.rig.Machines {
		if m.Name == fmt.Sprintf("m%d", host) {
			return m.Address
		}
	}

	b.Fatalf("there is no machine %d", host)

	return ""
}

// insecure talks to a machine in maintenance.
func (b *bench) insecure(host int) *client.Client { return b.insecureAt(b.address(host)) }

func (b *bench) insecureAt(address string) *client.Client {
	b.Helper()

	c, err := client.New(b.ctx, client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true}), client.WithEndpoints(address)) //nolint:gosec // as in maintenance
	b.must(err)
	b.Cleanup(func() { _ = c.Close() })

	return c
}

// talos talks to a configured machine as an administrator.
func (b *bench) talos(host int) *client.Client {
	b.Helper()

	c, err := client.New(b.ctx, client.WithConfig(b.access), client.WithEndpoints(b.address(host)))
	b.must(err)
	b.Cleanup(func() { _ = c.Close() })

	return c
}

// config renders the configuration of a role, with a hostname and patches.
func (b *bench) config(host int, role talosmachine.Type, change func(*configuration)) []byte {
	b.Helper()

	provider, err := b.input.Config(role)
	b.must(err)

	return b.edit(provider, fmt.Sprintf("node-%d", host), change)
}

func (b *bench) apply(c *client.Client, raw []byte, mode machineapi.ApplyConfigurationRequest_Mode) *machineapi.ApplyConfiguration {
	b.Helper()

	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()

	response, err := c.ApplyConfiguration(ctx, &machineapi.ApplyConfigurationRequest{Data: raw, Mode: mode})
	b.must(err)

	return response.Messages[0]
}

// kubernetes is a client made from the kubeconfig the Talos API hands out.
func (b *bench) kubernetes(host int) *kubernetes.Clientset {
	b.Helper()

	raw, err := b.talos(host).Kubeconfig(b.ctx)
	b.must(err)

	config, err := clientcmd.RESTConfigFromKubeConfig(raw)
	b.must(err)

	config.Timeout = 3 * time.Second

	clientset, err := kubernetes.NewForConfig(config)
	b.must(err)

	return clientset
}

// control calls the control socket.
func (b *bench) control(method, path string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}

	request, err := http.NewRequestWithContext(b.ctx, method, "http://rig"+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}

	response, err := b.http.Do(request)
	if err != nil {
		return err
	}

	defer response.Body.Close() //nolint:errcheck // read to its end

	var answer struct {
		Error string `json:"error"`
	}

	if err = json.NewDecoder(response.Body).Decode(&answer); err == nil && answer.Error != "" {
		err = fmt.Errorf("%s", answer.Error)
	}

	return err
}

func (b *bench) status() Status {
	b.Helper()

	response, err := b.http.Get("http://rig/status")
	b.must(err)

	defer response.Body.Close() //nolint:errcheck // read to its end

	var status Status
	b.must(json.NewDecoder(response.Body).Decode(&status))

	return status
}

func (b *bench) machine(host int) MachineStatus {
	for _, m := range b.status().Machines {
		if m.Name == fmt.Sprintf("m%d", host) {
			return m
		}
	}

	return MachineStatus{}
}
