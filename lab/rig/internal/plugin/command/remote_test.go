package command

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// newKey is a private key as a program gives it, and as a machine knows it.
func newKey(t *testing.T) (string, ssh.Signer) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), signer
}

// machine serves SSH for one key: every command runs in a shell of this machine.
func machine(t *testing.T, host ssh.Signer, allowed ssh.PublicKey) (port int) {
	t.Helper()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(allowed.Marshal()) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn, config)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func serve(conn net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, asked, err := offered.Accept()
		if err != nil {
			return
		}
		for request := range asked {
			_ = request.Reply(request.Type == "exec", nil)
			if request.Type != "exec" {
				continue
			}
			var command struct{ Text string }
			_ = ssh.Unmarshal(request.Payload, &command)
			process := exec.Command("/bin/sh", "-c", command.Text)
			process.Stdin, process.Stdout, process.Stderr = channel, channel, channel.Stderr()
			code := uint32(0)
			if process.Run() != nil {
				code = 1
			}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
			_ = channel.Close()
		}
	}
}

func TestACommandRunsOnAnotherMachine(t *testing.T) {
	private, own := newKey(t)
	_, host := newKey(t)
	port := machine(t, host, own.PublicKey())
	connection := property.Map{
		"host": "127.0.0.1", "port": float64(port), "privateKey": property.Secret{Value: private},
		"hostKey": string(ssh.MarshalAuthorizedKey(host.PublicKey())),
	}
	run := func(change property.Map, command string) (property.Map, error) {
		state := property.Map{"connection": property.Secret{Value: property.Union(connection, change)}, "create": command, "stdin": "in"}
		return runInto(context.Background(), state, "create", 30)
	}

	state, err := run(nil, "cat; echo out; echo err >&2")
	if err != nil {
		t.Fatal(err)
	}
	if state["stdout"] != "inout" || state["stderr"] != "err" {
		t.Errorf("it printed %q and %q", state["stdout"], state["stderr"])
	}
	if _, err := run(nil, "echo refused >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a command that fails: %v", err)
	}
	other, _ := newKey(t)
	if _, err := run(property.Map{"privateKey": other}, "true"); err == nil || !strings.Contains(err.Error(), "after 1 failed attempts") {
		t.Errorf("a key that is not known: %v", err)
	}
	if _, err := run(property.Map{"hostKey": string(ssh.MarshalAuthorizedKey(own.PublicKey()))}, "true"); err == nil {
		t.Error("another machine was taken for the one meant")
	}
	if _, err := run(property.Map{"port": 1.0, "dialErrorLimit": 2.0}, "true"); err == nil || !strings.Contains(err.Error(), "after 2 failed attempts") {
		t.Errorf("a machine that does not answer: %v", err)
	}
}

func TestAConnectionIsChecked(t *testing.T) {
	found := map[string]bool{}
	for _, failure := range checkRemote(property.Map{"create": "true", "dir": "/", "connection": property.Map{"port": "22", "proxy": property.Map{}}}) {
		found[failure.GetProperty()] = true
	}
	for _, property := range []string{"dir", "port", "proxy", "connection.host"} {
		if !found[property] {
			t.Errorf("%s passes: %v", property, found)
		}
	}
}
