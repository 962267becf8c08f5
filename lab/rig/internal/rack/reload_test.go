package rack

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"

	"plinth.dev/lab/rig/internal/spec"
)

func TestMachinesComeAndGoWhileOthersRun(t *testing.T) {
	b := newBench(t, 8, noTools(), 11, 12)
	b.configured(11, talosmachine.TypeControlPlane, nil)

	// Programs that are there by version are not asked what they are.
	for program := range b.rig.Tools {
		b.rig.Tools[program] = spec.Binaries{"v1.36.3": "/nonexistent/" + program}
	}

	boot, next := b.machine(11).BootID, *b.rig

	third := next.Machines[1]
	third.Name, third.Address, third.UUID = "m13", "127.80.8.13", "00000000-0000-4000-8000-000000008013"

	// The second machine goes, a third comes.
	next.Machines = []spec.Machine{next.Machines[0], third}
	b.must(b.control(http.MethodPut, "/rig", next))

	if m := b.machine(11); m.BootID != boot || m.Stage != "running" {
		t.Errorf("the machine that stayed was disturbed: %+v", m)
	}

	if m := b.machine(12); m.Name != "" {
		t.Errorf("the machine is still there: %+v", m)
	}

	b.eventually(10*time.Second, func() error {
		_, err := b.insecureAt(third.Address).Disks(b.ctx)

		return err
	})

	// What comes back has the disks it had.
	b.must(b.control(http.MethodPut, "/rig", b.rig))

	if m := b.machine(12); m.Power != "on" {
		t.Errorf("the machine did not come back: %+v", m)
	}

	// A file with problems changes nothing.
	broken := next
	broken.Machines = append([]spec.Machine{{Name: "x/y"}}, next.Machines...)

	if err := b.control(http.MethodPut, "/rig", broken); err == nil || !strings.Contains(err.Error(), "cannot name a folder") {
		t.Errorf("got %v", err)
	}

	if got := len(b.status().Machines); got != 2 {
		t.Errorf("%d machines", got)
	}

	other := next
	other.Dir = "/elsewhere"

	if err := b.control(http.MethodPut, "/rig", other); err == nil || !strings.Contains(err.Error(), "dir") {
		t.Error(fmt.Errorf("another folder is accepted: %w", err))
	}
}
