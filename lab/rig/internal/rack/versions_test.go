package rack

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/config"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"google.golang.org/grpc/codes"

	"plinth.dev/lab/rig/internal/spec"
)

// withRules adds the rules of Talos versions, which RIG_RULES lists as version=program,…
func withRules(t *testing.T, programs spec.Tools) spec.Tools {
	t.Helper()

	list := os.Getenv("RIG_RULES")
	if list == "" {
		t.Skip("RIG_RULES does not list the rules of Talos versions as version=program,…")
	}

	programs["talos"] = spec.Binaries{}

	for entry := range strings.SplitSeq(list, ",") {
		version, program, _ := strings.Cut(entry, "=")
		programs["talos"][version] = program
	}

	return programs
}

// A document is refused by a Talos that does not know it: TCPProbeConfig came with 1.13, SysctlConfig with 1.14.
func TestDocumentsOfALaterTalosAreRefused(t *testing.T) {
	b := newBenchOf(t, 9, withRules(t, noTools()), map[int]string{11: "v1.12.0", 12: "v1.13.9", 13: "v1.14.1"})

	probe := "apiVersion: v1alpha1\nkind: TCPProbeConfig\nname: gateway\ninterval: 1s\nfailureThreshold: 3\nendpoint: 127.0.0.1:80\ntimeout: 10s\n"
	sysctl := "apiVersion: v1alpha1\nkind: SysctlConfig\nparams:\n  vm.swappiness: \"10\"\n"

	for _, trial := range []struct {
		host     int
		document string
		kind     string
		refused  bool
	}{
		{11, probe, "TCPProbeConfig", true},
		{12, probe, "TCPProbeConfig", false},
		{12, sysctl, "SysctlConfig", true},
		{13, sysctl, "SysctlConfig", false},
	} {
		b.input = b.inputFor(config.TalosVersion1_12, "1.35.4", b.machine(trial.host).Talos)
		raw := b.config(trial.host, talosmachine.TypeControlPlane, nil)

		_, err := b.insecure(trial.host).ApplyConfiguration(b.ctx, &machineapi.ApplyConfigurationRequest{
			Data: append(append(raw, []byte("\n---\n")...), trial.document...), DryRun: true,
		})

		if !trial.refused {
			if err != nil {
				t.Errorf("%s on %s: %v", trial.kind, b.machine(trial.host).Talos, err)
			}

			continue
		}

		expectCode(t, err, codes.InvalidArgument, trial.kind)
	}
}

// Kubernetes 1.36 came with Talos 1.13: 1.12 refuses the images (compatibility tables of the machinery).
func TestKubernetesOutOfRangeIsRefusedByTheMachine(t *testing.T) {
	b := newBenchOf(t, 10, withRules(t, noTools()), map[int]string{11: "v1.12.0"})
	b.input = b.inputFor(config.TalosVersion1_12, "1.36.3", "v1.12.0")

	_, err := b.insecure(11).ApplyConfiguration(b.ctx, &machineapi.ApplyConfigurationRequest{
		Data: b.config(11, talosmachine.TypeControlPlane, nil), DryRun: true,
	})
	expectCode(t, err, codes.InvalidArgument, "1.36.3")
}

// The calls of 1.13 are Unimplemented before (api/machine/{lifecycle,image}.proto).
func TestOlderTalosHasNoLifecycleService(t *testing.T) {
	b := newBenchOf(t, 11, withRules(t, noTools()), map[int]string{11: "v1.12.0"})
	b.input = b.inputFor(config.TalosVersion1_12, "1.35.4", "v1.12.0")
	b.configured(11, talosmachine.TypeControlPlane, nil)

	_, code, err := upgradeBySlot(b, 11, installer("v1.13.9"))
	expectCode(t, err, codes.Unimplemented, "")

	if code != -1 {
		t.Errorf("exit code %d", code)
	}

	// The older call asks etcd, which this machine has not; forced, it installs and reboots.
	_, err = b.talos(11).Upgrade(b.ctx, installer("v1.13.9"), false, false) //nolint:staticcheck // what 1.12 has
	if err == nil || !strings.Contains(err.Error(), "error validating etcd for upgrade") {
		t.Errorf("got %v", err)
	}

	_, err = b.talos(11).Upgrade(b.ctx, installer("v1.13.9"), false, true) //nolint:staticcheck // what 1.12 has
	b.must(err)
	b.runs(11, "v1.13.9", "B")
}

// From 1.13 on an installation does not reboot; the reboot boots the other slot, rollback the first.
func TestUpgradeInTwoSteps(t *testing.T) {
	b := newBenchOf(t, 12, withRules(t, noTools()), map[int]string{11: "v1.13.9"})
	b.input = b.inputFor(config.TalosVersion1_13, "1.36.3", "v1.13.9")
	b.configured(11, talosmachine.TypeControlPlane, nil)

	boot := b.machine(11).BootID

	messages, code, err := upgradeBySlot(b, 11, "ghcr.io/siderolabs/installer:v1.14.1")
	b.must(err)

	if code != 1 || !strings.Contains(strings.Join(messages, " "), "image factory") {
		t.Errorf("1.14 has an installer outside the factory: %d %v", code, messages)
	}

	if messages, code, _ = upgradeBySlot(b, 11, installer("v1.99.0")); code != 1 || !strings.Contains(strings.Join(messages, " "), "no Talos v1.99.0") {
		t.Errorf("an unknown version: %d %v", code, messages)
	}

	if _, code, err = upgradeBySlot(b, 11, installer("v1.14.1")); err != nil || code != 0 {
		t.Fatalf("%d %v", code, err)
	}

	if m := b.machine(11); m.Talos != "v1.13.9" || m.Pending != "v1.14.1" || m.BootID != boot {
		t.Errorf("an installation is not a reboot: %+v", m)
	}

	b.must(b.talos(11).Reboot(b.ctx))
	b.runs(11, "v1.14.1", "B")

	// 1.14 no longer says what needs a reboot and has no such mode.
	change := b.config(11, talosmachine.TypeControlPlane, func(cfg *configuration) { cfg.MachineConfig.MachineCertSANs = []string{"x.example"} })

	_, err = b.talos(11).ApplyConfiguration(b.ctx, &machineapi.ApplyConfigurationRequest{Data: change, Mode: machineapi.ApplyConfigurationRequest_REBOOT})
	expectCode(t, err, codes.Unimplemented, "REBOOT mode is not supported")

	if got := b.apply(b.talos(11), change, auto); got.Mode != noReboot {
		t.Errorf("auto became %s", got.Mode)
	}

	b.must(b.talos(11).Rollback(b.ctx))
	b.runs(11, "v1.13.9", "A")
}

// A downgrade below what the installer supports is refused by its own checks (cmd/installer preflight).
func TestInstallersCheckWhatTheyReplace(t *testing.T) {
	b := newBenchOf(t, 13, withRules(t, noTools()), map[int]string{11: "v1.14.1"})
	b.input = b.inputFor(config.TalosVersion1_13, "1.36.3", "v1.14.1")
	b.configured(11, talosmachine.TypeControlPlane, nil)

	messages, code, err := upgradeBySlot(b, 11, installer("v1.12.0"))
	b.must(err)

	if code != 1 || !strings.Contains(strings.Join(messages, " "), "pre-flight checks failed") {
		t.Errorf("%d %v", code, messages)
	}
}

// A new system that does not boot is tried once and left by itself: two boots, and the old slot.
func TestFailedBootCostsTwoBoots(t *testing.T) {
	b := newBenchOf(t, 14, withRules(t, noTools()), map[int]string{11: "v1.13.9"})
	b.input = b.inputFor(config.TalosVersion1_13, "1.36.3", "v1.13.9")
	b.configured(11, talosmachine.TypeControlPlane, nil)
	b.must(b.control(http.MethodPost, "/machines/m11/faults", map[string]any{"fault": "boot-failure"}))
	b.must(b.control(http.MethodPost, "/machines/m11/faults", map[string]any{"fault": "denied-after-install", "seconds": 2}))

	_, code, err := upgradeBySlot(b, 11, installer("v1.14.1"))
	if err != nil || code != 0 {
		t.Fatalf("%d %v", code, err)
	}

	_, err = b.talos(11).Version(b.ctx)
	expectCode(t, err, codes.PermissionDenied, "not authorized")
	time.Sleep(2 * time.Second)

	boot := b.machine(11).BootID

	b.must(b.talos(11).Reboot(b.ctx))
	b.eventually(20*time.Second, func() error {
		if m := b.machine(11); m.BootID == boot || m.Stage != "running" || m.Talos != "v1.13.9" || m.Slot != "A" || m.Pending != "" {
			return fmt.Errorf("%+v", m)
		}

		return nil
	})
}

func (b *bench) runs(host int, version, slot string) {
	b.Helper()
	b.eventually(20*time.Second, func() error {
		if m := b.machine(host); m.Talos != version || m.Slot != slot || m.Stage != "running" || m.Pending != "" {
			return fmt.Errorf("slot %s runs %s, stage %s", m.Slot, m.Talos, m.Stage)
		}

		return nil
	})
}

// upgradeBySlot is what talosctl does since 1.13; the exit code is -1 when there was none.
func upgradeBySlot(b *bench, host int, image string) (messages []string, code int, err error) {
	ctx := client.WithNode(b.ctx, b.address(host))

	stream, err := b.talos(host).LifecycleClient.Upgrade(ctx, &machineapi.LifecycleServiceUpgradeRequest{
		Source: &machineapi.InstallArtifactsSource{ImageName: image},
	})
	if err != nil {
		return nil, -1, err
	}

	for code = -1; ; {
		response, err := stream.Recv()
		if err != nil {
			if code >= 0 {
				err = nil
			}

			return messages, code, err
		}

		switch progress := response.Progress.Response.(type) {
		case *machineapi.LifecycleServiceInstallProgress_Message:
			messages = append(messages, progress.Message)
		case *machineapi.LifecycleServiceInstallProgress_ExitCode:
			code = int(progress.ExitCode)
		}
	}
}
