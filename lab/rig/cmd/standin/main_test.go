package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"plinth.dev/lab/rig/internal/plugin/host"
)

// TestMain lets the test binary be the program itself when it is started under a plugin's name.
func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "pulumi-resource-") {
		main()
		return
	}
	os.Exit(m.Run())
}

// knownType is one resource type of every plugin.
var knownType = map[string]string{
	"command": "command:local:Command", "kubernetes": "kubernetes:helm.sh/v3:Release", "random": "random:index/randomId:RandomId",
	"talos": "talos:machine/secrets:Secrets", "tls": "tls:index/privateKey:PrivateKey",
	"proxmoxve": "proxmoxve:index/vmLegacy:VmLegacy", "hcloud": "hcloud:index/server:Server", "vultr": "vultr:index/instance:Instance",
}

func dial(t *testing.T, name string) pulumirpc.ResourceProviderClient {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := host.NewServer(name, plugins[name]())
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///"+name, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); server.Stop() })
	return pulumirpc.NewResourceProviderClient(conn)
}

func urn(token string) string { return "urn:pulumi:test::test::" + token + "::it" }

func mustFail(t *testing.T, what, mention string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s was accepted", what)
	} else if !strings.Contains(err.Error(), mention) {
		t.Errorf("%s fails without naming %s: %v", what, mention, err)
	}
}

func TestWhatIsNotImplementedFailsByName(t *testing.T) {
	for name := range plugins {
		t.Run(name, func(t *testing.T) {
			client, ctx := dial(t, name), t.Context()
			bogus := name + ":bogus/v1:Nonsense"
			if name == "command" {
				bogus = "command:local:Nonsense"
			}
			_, err := client.Check(ctx, &pulumirpc.CheckRequest{Urn: urn(bogus)})
			mustFail(t, "Check of an unknown type", "Nonsense", err)
			_, err = client.Diff(ctx, &pulumirpc.DiffRequest{Urn: urn(bogus)})
			mustFail(t, "Diff of an unknown type", "Nonsense", err)
			_, err = client.Create(ctx, &pulumirpc.CreateRequest{Urn: urn(bogus)})
			mustFail(t, "Create of an unknown type", "Nonsense", err)
			_, err = client.Update(ctx, &pulumirpc.UpdateRequest{Urn: urn(bogus)})
			mustFail(t, "Update of an unknown type", "Nonsense", err)
			_, err = client.Read(ctx, &pulumirpc.ReadRequest{Urn: urn(bogus), Id: "x"})
			mustFail(t, "Read of an unknown type", "Nonsense", err)
			_, err = client.Delete(ctx, &pulumirpc.DeleteRequest{Urn: urn(bogus), Id: "x"})
			mustFail(t, "Delete of an unknown type", "Nonsense", err)
			_, err = client.Invoke(ctx, &pulumirpc.InvokeRequest{Tok: bogus})
			mustFail(t, "an unknown function", "Nonsense", err)

			_, err = client.GetSchema(ctx, &pulumirpc.GetSchemaRequest{})
			mustFail(t, "GetSchema", "the "+name+" stand-in does not implement GetSchema", err)
			_, err = client.Call(ctx, &pulumirpc.CallRequest{})
			mustFail(t, "Call", "the "+name+" stand-in does not implement Call", err)
			_, err = client.Parameterize(ctx, &pulumirpc.ParameterizeRequest{})
			mustFail(t, "Parameterize", "the "+name+" stand-in does not implement Parameterize", err)
			_, err = client.Construct(ctx, &pulumirpc.ConstructRequest{Type: bogus})
			mustFail(t, "Construct", "the "+name+" stand-in does not implement", err)
		})
	}
}

func TestAnUnknownPropertyFailsByName(t *testing.T) {
	inputs := &structpb.Struct{Fields: map[string]*structpb.Value{"nonsense": structpb.NewBoolValue(true)}}
	for name, token := range knownType {
		t.Run(name, func(t *testing.T) {
			client := dial(t, name)
			answer, err := client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn(token), News: inputs})
			if err != nil {
				t.Fatal(err)
			}
			mustName(t, token, answer)
			answer, err = client.CheckConfig(t.Context(), &pulumirpc.CheckRequest{Urn: urn("pulumi:providers:" + name), News: inputs})
			if err != nil {
				t.Fatal(err)
			}
			mustName(t, "the configuration", answer)
		})
	}
}

func mustName(t *testing.T, what string, answer *pulumirpc.CheckResponse) {
	t.Helper()
	for _, failure := range answer.GetFailures() {
		if failure.GetProperty() == "nonsense" && strings.Contains(failure.GetReason(), "nonsense") {
			return
		}
	}
	t.Errorf("%s accepts an unknown property: %v", what, answer.GetFailures())
}

// An engine is anything that listens; a plugin must go when it does.
func TestAPluginStartsFastAndDiesWithItsEngine(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "resource-random-v4.21.1")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "pulumi-resource-random")
	copyProgram(t, program)
	listener, err := net.Listen("tcp", "127.81.30.1:0")
	if err != nil {
		t.Fatal(err)
	}
	engine := grpc.NewServer()
	go func() { _ = engine.Serve(listener) }()

	plugin := exec.Command(program, listener.Addr().String())
	plugin.Stderr = os.Stderr
	out, err := plugin.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := plugin.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("no port was printed: %v", err)
	}
	t.Logf("the port was there after %v", time.Since(began))
	go func() { ended <- plugin.Wait() }()
	t.Cleanup(func() { _ = plugin.Process.Kill() })

	conn, err := grpc.NewClient("passthrough:///127.0.0.1:"+strings.TrimSpace(line), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	info, err := pulumirpc.NewResourceProviderClient(conn).GetPluginInfo(t.Context(), &emptypb.Empty{})
	if err != nil || info.GetVersion() != "4.21.1" {
		t.Errorf("GetPluginInfo: %v, %v", info, err)
	}
	select {
	case err := <-ended:
		t.Fatalf("the plugin ended while its engine lived: %v", err)
	case <-time.After(time.Second):
	}
	engine.Stop()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the plugin outlives its engine")
	}
}

func copyProgram(t *testing.T, to string) {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, from); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
}
