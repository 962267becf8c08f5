package rack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/spec"
)

// lives are the machines that run, and how to end each.
type lives struct {
	ctx  context.Context //nolint:containedctx // the life of the rack
	ends map[*machine.Machine]func()
}

// begin lets a machine live until it is taken away or the rack ends.
func (l *lives) begin(m *machine.Machine) {
	ctx, cancel := context.WithCancel(l.ctx)

	var life sync.WaitGroup

	life.Go(func() { m.Run(ctx) })

	l.ends[m] = func() {
		cancel()
		life.Wait()
	}
}

// take ends one machine at once; what is on its disks stays.
func (l *lives) take(m *machine.Machine) {
	l.ends[m]()
	delete(l.ends, m)
}

// end waits until no machine lives; the rack's context has ended.
func (l *lives) end() {
	for _, end := range l.ends {
		end()
	}
}

// add puts a machine into the rack, with the disks it had if it was there before.
func (r *Rack) add(hardware spec.Machine) error {
	bootDelay := time.Duration(r.spec.BootSeconds * float64(time.Second))

	m, err := machine.New(hardware, filepath.Join(r.spec.Dir, "machines", hardware.Name), bootDelay, r.hub, r)
	if err != nil {
		return err
	}

	r.hub.Add(m)

	if r.lives != nil {
		r.lives.begin(m)
	}

	return nil
}

// Reload makes the running rack what a rig file says: machines come and go, and programs of other
// versions can be run. Machines that stay as they are notice nothing.
func (r *Rack) Reload(ctx context.Context, next *spec.Rig) error {
	if next.Dir != r.spec.Dir || next.BootSeconds != r.spec.BootSeconds {
		return errors.New("dir and bootSeconds can only change when the rig is started again")
	}

	if err := next.Tools.Identify(ctx); err != nil {
		return err
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	r.tools.Replace(next.Tools)
	r.tools.Supply(next.Materials)

	for _, m := range r.hub.Machines() {
		if !slices.ContainsFunc(next.Machines, func(wanted spec.Machine) bool { return reflect.DeepEqual(wanted, m.Spec) }) {
			r.hub.Remove(m)
			r.lives.take(m)
		}
	}

	for _, wanted := range next.Machines {
		if r.hub.Machine(wanted.Name) != nil {
			continue
		}

		if err := r.add(wanted); err != nil {
			return fmt.Errorf("%s: %w", wanted.Name, err)
		}
	}

	r.spec = next
	r.hub.Notify()

	return nil
}
