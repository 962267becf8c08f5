package rack

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"

	"plinth.dev/lab/rig/internal/spec"
)

// serveEnv makes the test binary be a rig, so that a test can kill one.
const serveEnv = "RIG_TEST_SERVE"

func TestMain(m *testing.M) {
	if path := os.Getenv(serveEnv); path != "" {
		if err := serveForTest(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}

		os.Exit(0)
	}

	os.Exit(m.Run())
}

func serveForTest(path string) error {
	rig, err := spec.Load(path)
	if err != nil {
		return err
	}

	r, err := New(rig)
	if err != nil {
		return err
	}

	return r.Run(context.Background(), func() { fmt.Println("ready") })
}

// serveProcess runs the bench's rack in a process of its own and waits until it is ready.
func (b *bench) serveProcess() *exec.Cmd {
	b.Helper()

	raw, err := json.Marshal(b.rig)
	b.must(err)

	path := filepath.Join(b.TempDir(), "rig.json")
	b.must(os.WriteFile(path, raw, 0o600))

	cmd := exec.Command(os.Args[0]) //nolint:gosec // this very test binary
	cmd.Env = append(os.Environ(), serveEnv+"="+path)
	cmd.Stderr = os.Stderr
	// A test that fails must not leave a rig behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}

	out, err := cmd.StdoutPipe()
	b.must(err)
	b.must(cmd.Start())
	b.Cleanup(func() { _ = cmd.Process.Kill() })

	if !bufio.NewScanner(out).Scan() {
		b.Fatal("the rig ended before it was ready")
	}

	return cmd
}

// left lists processes that have the rack's folder in their arguments.
func (b *bench) left() []string {
	var found []string

	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	b.must(err)

	for _, path := range paths {
		raw, _ := os.ReadFile(path)
		if strings.Contains(string(raw), b.rig.Dir+"/machines") {
			found = append(found, path)
		}
	}

	return found
}

// TestKilledAtAnyMoment kills the rig at random moments of a bring-up: nothing may be left
// running, and the same calls as before must bring the machine to its end.
func TestKilledAtAnyMoment(t *testing.T) {
	b := newBench(t, 20, tools(t), 11)
	b.stop()

	b.ctx = t.Context()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments, not secrets

	t.Logf("seed %d", seed)

	raw := b.config(11, talosmachine.TypeControlPlane, nil)
	// attempt does what a client does that knows nothing of the state: errors are expected.
	attempt := func() {
		ctx, cancel := context.WithTimeout(b.ctx, 500*time.Millisecond)
		defer cancel()

		if _, err := b.insecure(11).ApplyConfiguration(ctx, &machineapi.ApplyConfigurationRequest{Data: raw}); err != nil {
			_ = b.talos(11).Bootstrap(ctx, &machineapi.BootstrapRequest{})
		}
	}

	for range 6 {
		cmd := b.serveProcess()
		end := time.Now().Add(time.Duration(random.IntN(2500)) * time.Millisecond)

		for time.Now().Before(end) {
			attempt()
			time.Sleep(20 * time.Millisecond)
		}

		b.must(cmd.Process.Kill())
		_ = cmd.Wait()
		b.eventually(5*time.Second, func() error {
			if left := b.left(); len(left) > 0 {
				return fmt.Errorf("processes outlive the rig: %v", left)
			}

			return nil
		})
	}

	cmd := b.serveProcess()

	b.eventually(60*time.Second, func() error {
		attempt()

		if m := b.machine(11); m.Stage != "running" {
			return fmt.Errorf("the machine is %s", m.Stage)
		}

		if _, err := b.talos(11).Kubeconfig(b.ctx); err != nil {
			return err
		}

		return b.nodesReady(b.kubernetes(11), 1)
	})

	b.must(cmd.Process.Kill())
	_ = cmd.Wait()
}
