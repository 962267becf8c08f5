package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"plinth.dev/lab/rig/internal/fault"
)

// Slot is one of the two installed systems.
type Slot struct {
	Version string `json:"version"`
	Image   string `json:"image"`
}

// Disk is what survives a loss of power. It is one file, replaced atomically, so that a kill at
// any moment leaves either the old or the new machine.
type Disk struct {
	// Powered says whether the machine is plugged in and on.
	Powered bool `json:"powered"`
	// Slots are the installed systems by name; empty before the installation.
	Slots map[string]Slot `json:"slots,omitempty"`
	// Active is the slot that boots.
	Active string `json:"active,omitempty"`
	// Trial is a freshly written slot that boots next, and becomes active once it has.
	Trial string `json:"trial,omitempty"`
	// Config is the machine configuration that the next boot uses.
	Config string `json:"config,omitempty"`
	// WipeData empties the ephemeral partition before anything uses it again.
	WipeData bool `json:"wipeData,omitempty"`
	// Faults outlive the rig, as a broken machine would.
	Faults []fault.Fault `json:"faults,omitempty"`
	// Installs counts how often an installer has written the disk; no reset takes it back.
	Installs int `json:"installs,omitempty"`
	// Meta is the key-value partition.
	Meta map[uint8]string `json:"meta,omitempty"`
}

// Installed says whether a system is on the disk.
func (d Disk) Installed() bool { return d.Active != "" }

// Current is the active slot's system.
func (d Disk) Current() Slot { return d.Slots[d.Active] }

// Next is the slot that boots next.
func (d Disk) Next() string {
	if d.Trial != "" {
		return d.Trial
	}

	return d.Active
}

// Other is the name of the slot that is not active.
func (d Disk) Other() string {
	if d.Active == "A" {
		return "B"
	}

	return "A"
}

// Store keeps a Disk in a file.
type Store struct {
	path string
	mu   sync.Mutex
	disk Disk
}

// OpenStore reads the disk at path; a missing file starts as fresh.
func OpenStore(path string, fresh Disk) (*Store, error) {
	store := &Store{path: path, disk: fresh}

	raw, err := os.ReadFile(path)

	switch {
	case errors.Is(err, fs.ErrNotExist):
		return store, store.Update(func(*Disk) {})
	case err != nil:
		return nil, err
	}

	store.disk = Disk{}
	if err = json.Unmarshal(raw, &store.disk); err != nil {
		return nil, fmt.Errorf("%s is damaged (remove it for an empty disk): %w", path, err)
	}

	return store, nil
}

// Disk returns a copy.
func (s *Store) Disk() Disk {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.disk.clone()
}

// Update changes the disk and writes it before it returns.
func (s *Store) Update(change func(*Disk)) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	next := s.disk.clone()
	change(&next)

	raw, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return err
	}

	if err = writeAtomic(s.path, raw); err != nil {
		return err
	}

	s.disk = next

	return nil
}

func (d Disk) clone() Disk {
	slots, meta := map[string]Slot{}, map[uint8]string{}

	for name, slot := range d.Slots {
		slots[name] = slot
	}

	for key, value := range d.Meta {
		meta[key] = value
	}

	d.Slots, d.Meta = slots, meta
	d.Faults = append([]fault.Fault(nil), d.Faults...)

	return d
}

// writeAtomic uses one fixed temporary name, so a killed rig leaves at most one, soon replaced.
func writeAtomic(path string, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}

	next := path + ".next"
	if err := os.WriteFile(next, raw, 0o600); err != nil {
		return err
	}

	return os.Rename(next, path)
}
