package rack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	auto     = machineapi.ApplyConfigurationRequest_AUTO
	noReboot = machineapi.ApplyConfigurationRequest_NO_REBOOT
)

func expectCode(t *testing.T, err error, code codes.Code, text string) {
	t.Helper()

	if status.Code(err) != code || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("got %v, want %s with %q", err, code, text)
	}
}

// configured brings a machine to its configuration without any Kubernetes program.
func (b *bench) configured(host int, role talosmachine.Type, change func(*configuration)) {
	b.Helper()

	before := b.machine(host).BootID
	b.apply(b.insecure(host), b.config(host, role, change), auto)
	b.eventually(15*time.Second, func() error {
		if m := b.machine(host); m.Stage != "running" || m.BootID == before {
			return fmt.Errorf("%s is %s", m.Name, m.Stage)
		}

		return nil
	})
}

func TestMaintenanceThenInstallation(t *testing.T) {
	b := newBench(t, 1, noTools(), 11)

	maintenance := b.insecure(11)

	if _, err := maintenance.Disks(b.ctx); err != nil {
		t.Errorf("disks in maintenance: %v", err)
	}

	_, err := maintenance.ApplyConfiguration(b.ctx, &machineapi.ApplyConfigurationRequest{Data: []byte("machine: {}")})
	expectCode(t, err, codes.InvalidArgument, "")

	expectCode(t, maintenance.Bootstrap(b.ctx, &machineapi.BootstrapRequest{}), codes.PermissionDenied, "not authorized")

	if m := b.machine(11); m.Stage != "maintenance" || m.Installed || m.Talos != "v1.13.0" {
		t.Errorf("unexpected machine before the installation: %+v", m)
	}

	b.configured(11, talosmachine.TypeControlPlane, nil)

	if m := b.machine(11); m.Slot != "A" || !m.Installed || m.Hostname != "node-11" || m.Type != "controlplane" {
		t.Errorf("unexpected machine after the installation: %+v", m)
	}

	// The official plugin takes a failing anonymous call for "configured".
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()

	if _, err = maintenance.Disks(ctx); err == nil {
		t.Error("a configured machine answers without a client certificate")
	}

	version, err := b.talos(11).Version(b.ctx)
	b.must(err)

	if got := version.Messages[0].Platform.Mode; got != "metal" {
		t.Errorf("mode %q", got)
	}
}

func TestBadConfigurationChangesNothing(t *testing.T) {
	b := newBench(t, 2, noTools(), 11)

	raw := strings.Replace(string(b.config(11, talosmachine.TypeControlPlane, nil)), "disk: /dev/sda", "diskk: /dev/sda", 1)

	_, err := b.insecure(11).ApplyConfiguration(b.ctx, &machineapi.ApplyConfigurationRequest{Data: []byte(raw), Mode: auto})
	expectCode(t, err, codes.InvalidArgument, "diskk")

	time.Sleep(500 * time.Millisecond)

	if m := b.machine(11); m.Stage != "maintenance" || m.Installed {
		t.Errorf("the machine changed: %+v", m)
	}
}

func TestCallsGoToTheNodesTheyName(t *testing.T) {
	b := newBench(t, 3, noTools(), 11, 21, 22)
	b.configured(11, talosmachine.TypeControlPlane, nil)
	b.configured(21, talosmachine.TypeWorker, nil)

	one := b.talos(11)
	nodes := []string{b.address(11), b.address(21), b.address(22)}

	answers, err := one.Version(client.WithNodes(b.ctx, nodes...))
	if answers == nil || len(answers.Messages) != 2 || err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Fatalf("two of three nodes should answer, one not: %v %v", answers, err)
	}

	for _, answer := range answers.Messages {
		if answer.Metadata.GetHostname() == "" {
			t.Error("an answer does not say which node it is from")
		}
	}

	_, err = one.Kubeconfig(client.WithNode(b.ctx, b.address(21)))
	expectCode(t, err, codes.Unimplemented, "only available on control plane")

	_, err = one.Processes(client.WithNode(b.ctx, b.address(21)))
	expectCode(t, err, codes.Unimplemented, "")

	if calls := b.status().Unimplemented; len(calls) != 2 || calls[1].Method != "machine.MachineService/Processes" || calls[1].Count != 1 {
		t.Errorf("unimplemented calls are not counted: %+v", calls)
	}
}

func TestRolesComeFromTheCertificateAlone(t *testing.T) {
	b := newBench(t, 4, noTools(), 11)
	b.configured(11, talosmachine.TypeControlPlane, nil)

	access := b.readerAccess(11)

	c, err := client.New(b.ctx, client.WithConfig(access), client.WithEndpoints(b.address(11)))
	b.must(err)

	defer c.Close() //nolint:errcheck // a test's client

	if _, err = c.Version(b.ctx); err != nil {
		t.Errorf("a reader may ask for the version: %v", err)
	}

	forged := metadata.AppendToOutgoingContext(b.ctx, "talos-role", "os:admin")

	expectCode(t, c.Reboot(forged), codes.PermissionDenied, "not authorized")

	_, err = c.ApplyConfiguration(forged, &machineapi.ApplyConfigurationRequest{Data: b.config(11, talosmachine.TypeControlPlane, nil)})
	expectCode(t, err, codes.PermissionDenied, "not authorized")
}

func TestFaultsOfTheAPI(t *testing.T) {
	b := newBench(t, 5, noTools(), 11)
	b.configured(11, talosmachine.TypeControlPlane, nil)

	ask := func() error {
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()

		_, err := b.talos(11).Version(ctx)

		return err
	}

	for kind, code := range map[string]codes.Code{"hang": codes.DeadlineExceeded, "refuse": codes.DeadlineExceeded, "api-denied": codes.PermissionDenied} {
		b.must(b.control(http.MethodPost, "/machines/m11/faults", map[string]any{"fault": kind}))

		if err := ask(); status.Code(err) != code && !(kind == "refuse" && status.Code(err) == codes.Unavailable) {
			t.Errorf("%s: %v", kind, err)
		}

		b.must(b.control(http.MethodDelete, "/machines/m11/faults/"+kind, nil))
		b.eventually(5*time.Second, ask)
	}

	if err := b.control(http.MethodPost, "/machines/m11/faults", map[string]any{"fault": "gremlins"}); err == nil {
		t.Error("an unknown fault is accepted")
	}

	if err := b.control(http.MethodPost, "/machines/m99/power", map[string]any{"state": "on"}); err == nil {
		t.Error("an unknown machine is accepted")
	}
}

func TestUpgradeFallsBackWhenTheNewSlotDoesNotBoot(t *testing.T) {
	b := newBench(t, 6, noTools(), 11)
	b.configured(11, talosmachine.TypeControlPlane, nil)

	upgrade := func(wanted, slot string) {
		t.Helper()

		before := b.machine(11).BootID
		_, err := b.talos(11).Upgrade(b.ctx, "ghcr.io/siderolabs/installer:v1.13.9", false, true) //nolint:staticcheck // the older way is part of the API
		b.must(err)

		b.eventually(10*time.Second, func() error {
			m := b.machine(11)
			if m.BootID == before || m.Stage != "running" || m.Talos != wanted || m.Slot != slot {
				return fmt.Errorf("slot %s runs %s, stage %s", m.Slot, m.Talos, m.Stage)
			}

			return nil
		})
	}

	b.must(b.control(http.MethodPost, "/machines/m11/faults", map[string]any{"fault": "boot-failure"}))
	upgrade("v1.13.0", "A")
	b.must(b.control(http.MethodDelete, "/machines/m11/faults", nil))
	upgrade("v1.13.9", "B")

	b.must(b.talos(11).Rollback(b.ctx))
	b.eventually(10*time.Second, func() error {
		if m := b.machine(11); m.Talos != "v1.13.0" || m.Stage != "running" {
			return fmt.Errorf("%s", m.Talos)
		}

		return nil
	})
}

func TestModesOfApplying(t *testing.T) {
	b := newBench(t, 7, noTools(), 11)
	b.configured(11, talosmachine.TypeControlPlane, nil)

	c := b.talos(11)
	needsReboot := b.config(11, talosmachine.TypeControlPlane, func(cfg *configuration) {
		cfg.MachineConfig.MachineUdev = &v1alpha1.UdevConfig{UdevRules: []string{"# changed"}}
	})
	immediate := b.config(11, talosmachine.TypeControlPlane, func(cfg *configuration) {
		cfg.MachineConfig.MachineNodeLabels = map[string]string{"a": "b"}
	})

	_, err := c.ApplyConfiguration(b.ctx, &machineapi.ApplyConfigurationRequest{Data: needsReboot, Mode: noReboot})
	expectCode(t, err, codes.InvalidArgument, "can't be applied in immediate mode")

	boot := b.machine(11).BootID

	if got := b.apply(c, immediate, auto); got.Mode != noReboot {
		t.Errorf("a label was applied with %s", got.Mode)
	}

	dry, err := c.ApplyConfiguration(b.ctx, &machineapi.ApplyConfigurationRequest{Data: needsReboot, Mode: auto, DryRun: true})
	b.must(err)

	if !strings.Contains(dry.Messages[0].ModeDetails, "with a reboot") || !strings.Contains(dry.Messages[0].ModeDetails, "+") {
		t.Errorf("the dry run says %q", dry.Messages[0].ModeDetails)
	}

	if b.machine(11).BootID != boot {
		t.Error("the machine rebooted without need")
	}

	if got := b.apply(c, needsReboot, auto); got.Mode != machineapi.ApplyConfigurationRequest_REBOOT {
		t.Errorf("udev rules were applied with %s", got.Mode)
	}

	b.eventually(10*time.Second, func() error {
		if m := b.machine(11); m.BootID == boot || m.Stage != "running" {
			return fmt.Errorf("not rebooted: %s", m.Stage)
		}

		return nil
	})
}
