package machine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/container"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"google.golang.org/protobuf/proto"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/spec"
)

// idle is a runner that runs nothing.
type idle struct{}

func (idle) Maintenance(*Session) (func(), error) { return func() {}, nil }
func (idle) Configured(*Session) (func(), error)  { return func() {}, nil }

func newMachine(t *testing.T) *Machine {
	t.Helper()

	m, err := New(spec.Machine{Name: "a", Address: "127.80.0.1", UUID: "u", Talos: "v1.13.0"}, t.TempDir(), 10*time.Millisecond, NewHub(), idle{})
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})

	go func() {
		defer close(done)

		m.Run(ctx)
	}()

	t.Cleanup(func() {
		cancel()
		<-done
	})

	return m
}

func await(t *testing.T, m *Machine, what string, check func(*Session) bool) *Session {
	t.Helper()

	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if s := m.Session(); check(s) {
			return s
		}
	}

	t.Fatalf("never: %s", what)

	return nil
}

func inMaintenance(s *Session) bool { return s != nil && s.Stage() == StageMaintenance }

func TestPower(t *testing.T) {
	m := newMachine(t)
	first := await(t, m, "maintenance", inMaintenance)

	if err := m.PowerOff(); err != nil || m.Session() != nil {
		t.Errorf("still on: %v", err)
	}

	if err := m.PowerOn(); err != nil {
		t.Fatal(err)
	}

	second := await(t, m, "maintenance again", inMaintenance)
	if second.BootID == first.BootID {
		t.Error("two boots have one boot id")
	}
}

func TestOneSequenceAtATime(t *testing.T) {
	m := newMachine(t)
	s := await(t, m, "maintenance", inMaintenance)

	release := make(chan struct{})

	s.RunSequence("first", "one", StageUpgrading, Reboot, func() error {
		<-release

		return errors.New("no room")
	})
	await(t, m, "upgrading", func(s *Session) bool { return s.Stage() == StageUpgrading })
	s.RunSequence("second", "two", StageRebooting, Reboot, func() error { return nil })

	failures := map[string]common.Code{}
	collect := func() map[string]common.Code {
		events, _ := s.Events.From(0)
		for _, event := range events {
			var sequence machineapi.SequenceEvent
			if event.Data.TypeUrl == "talos/runtime/machine.SequenceEvent" && proto.Unmarshal(event.Data.Value, &sequence) == nil && sequence.Error != nil {
				failures[event.ActorId] = sequence.Error.Code
			}
		}

		return failures
	}

	await(t, m, "second refused", func(*Session) bool { return collect()["two"] == common.Code_LOCKED })
	close(release)
	await(t, m, "first failed", func(*Session) bool { return collect()["one"] == common.Code_FATAL })
	await(t, m, "back in maintenance", inMaintenance)

	if m.Session() != s {
		t.Error("a failed sequence rebooted the machine")
	}
}

func TestDiskSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine", "disk.json")

	store, err := OpenStore(path, Disk{Powered: true})
	if err != nil {
		t.Fatal(err)
	}

	if err = store.Update(func(d *Disk) { d.Active, d.Slots["A"], d.Meta[10] = "A", Slot{Version: "v1.13.0"}, "x" }); err != nil {
		t.Fatal(err)
	}

	// What a killed rig may leave behind is of no consequence.
	if err = os.WriteFile(path+".next", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}

	again, err := OpenStore(path, Disk{})
	if err != nil {
		t.Fatal(err)
	}

	if disk := again.Disk(); !disk.Powered || disk.Current().Version != "v1.13.0" || disk.Other() != "B" || disk.Meta[10] != "x" {
		t.Errorf("%+v", disk)
	}

	again.Disk().Slots["B"] = Slot{}

	if len(again.Disk().Slots) != 1 {
		t.Error("a copy of the disk changes the disk")
	}

	if err = os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}

	if _, err = OpenStore(path, Disk{}); err == nil {
		t.Error("a damaged disk is accepted")
	}
}

func TestAPromisedWipeIsDone(t *testing.T) {
	m := newMachine(t)
	await(t, m, "maintenance", inMaintenance)

	file := filepath.Join(m.DataDir(), "lib", "etcd", "member")
	if err := os.MkdirAll(file, 0o700); err != nil {
		t.Fatal(err)
	}

	if err := m.Store.Update(func(d *Disk) { d.WipeData = true }); err != nil {
		t.Fatal(err)
	}

	before := m.Session()
	if err := m.PowerCycle(); err != nil {
		t.Fatal(err)
	}

	await(t, m, "next boot", func(s *Session) bool { return s != before && inMaintenance(s) })

	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data is still there: %v", err)
	}
}

func TestAnInstallationThatIsCutOff(t *testing.T) {
	m := newMachine(t)
	first := await(t, m, "maintenance", inMaintenance)
	cfg := container.NewV1Alpha1(&v1alpha1.Config{
		ConfigVersion: "v1alpha1",
		MachineConfig: &v1alpha1.MachineConfig{MachineInstall: &v1alpha1.InstallConfig{InstallImage: "ghcr.io/siderolabs/installer:v1.13.0"}},
	})

	m.Faults.Add(fault.Fault{Kind: fault.InstallCut})

	if err := first.Install(cfg); err != nil {
		t.Fatal(err)
	}

	second := await(t, m, "maintenance again", func(s *Session) bool { return s != first && inMaintenance(s) })
	if disk := m.Store.Disk(); disk.Installed() || disk.Installs != 0 || len(disk.Faults) != 0 {
		t.Errorf("half an installation counts: %+v", disk)
	}

	if err := second.Install(cfg); err != nil {
		t.Fatal(err)
	}

	await(t, m, "the next boot", func(s *Session) bool { return s != nil && s != first && s != second })

	if disk := m.Store.Disk(); !disk.Installed() || disk.Installs != 1 {
		t.Errorf("not installed once: %+v", disk)
	}
}

func TestImageVersion(t *testing.T) {
	for image, want := range map[string]string{
		"ghcr.io/siderolabs/installer:v1.13.0":                "v1.13.0",
		"localhost:5000/siderolabs/installer":                 "",
		"localhost:5000/siderolabs/installer:v1.2.3":          "v1.2.3",
		"registry.k8s.io/kube-apiserver:v1.36.3@sha256:abcde": "v1.36.3",
		"": "",
	} {
		if got := ImageVersion(image); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}
