// Package fault is the list of things that are wrong with a machine on purpose. Whoever serves
// a part of the machine asks here how to behave; nothing else knows about faults.
package fault

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind names a fault.
type Kind string

// The faults a machine can have.
const (
	// Off: the power cord is pulled.
	Off Kind = "off"
	// Hang: everything freezes; connections are accepted and nothing answers.
	Hang Kind = "hang"
	// Refuse: the Talos API refuses connections, the rest goes on.
	Refuse Kind = "refuse"
	// BootFailure: a freshly installed slot does not boot and the machine falls back.
	BootFailure Kind = "boot-failure"
	// APIDenied: every Talos API call is refused as not authorised, for a time if seconds is given.
	APIDenied Kind = "api-denied"
	// NoReboot: what should reboot is accepted and installed, but the machine stays up.
	NoReboot Kind = "no-reboot"
	// GhostMember: etcd lists a member that no machine runs.
	GhostMember Kind = "ghost-member"
	// ClockSkew: the machine's clock is off by seconds.
	ClockSkew Kind = "clock-skew"
	// DiskFull: nothing more fits on the ephemeral partition.
	DiskFull Kind = "disk-full"
	// DeniedAfterInstall: once a system was written, every call is refused for seconds.
	DeniedAfterInstall Kind = "denied-after-install"
	// InstallCut: the power is lost for a moment while a system is written to an empty disk.
	InstallCut Kind = "install-cut"
	// StaleMember: discovery goes on listing the machine after it has left its cluster.
	StaleMember Kind = "stale-member"
	// DuplicateAddress: an old Node object has the machine's address.
	DuplicateAddress Kind = "duplicate-address"
)

// Kinds are all known faults.
var Kinds = []Kind{
	Off, Hang, Refuse, BootFailure, APIDenied, NoReboot, GhostMember, ClockSkew, DiskFull, DeniedAfterInstall, InstallCut, StaleMember,
	DuplicateAddress,
}

// Fault is one active fault.
type Fault struct {
	Kind Kind `json:"fault"`
	// Seconds is the duration of api-denied (0: until it is removed) and of denied-after-install, and
	// the offset of clock-skew.
	Seconds float64 `json:"seconds,omitempty"`
	// Until is when the fault ends by itself.
	Until *time.Time `json:"until,omitempty"`
}

// Parse reads and checks a request for a fault.
func Parse(raw []byte) (Fault, error) {
	var f Fault
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, fmt.Errorf("a fault is a JSON object such as {\"fault\":\"hang\"}: %w", err)
	}

	f.Until = nil

	if !slices.Contains(Kinds, f.Kind) {
		names := make([]string, len(Kinds))
		for i, kind := range Kinds {
			names[i] = string(kind)
		}

		return f, fmt.Errorf("unknown fault %q (use one of %s)", f.Kind, strings.Join(names, ", "))
	}

	if f.Kind == ClockSkew && f.Seconds == 0 {
		return f, fmt.Errorf("clock-skew needs seconds, for example {\"fault\":\"clock-skew\",\"seconds\":300}")
	}

	if f.Kind == DeniedAfterInstall && f.Seconds <= 0 {
		return f, fmt.Errorf("denied-after-install needs seconds, for example {\"fault\":\"denied-after-install\",\"seconds\":30}")
	}

	if f.Kind == APIDenied && f.Seconds > 0 {
		f = Denied(f.Seconds)
	}

	return f, nil
}

// Denied refuses every call from now on, for some seconds.
func Denied(seconds float64) Fault {
	until := time.Now().Add(time.Duration(seconds * float64(time.Second)))

	return Fault{Kind: APIDenied, Seconds: seconds, Until: &until}
}

// Set is the active faults of one machine.
type Set struct {
	mu     sync.Mutex
	faults []Fault
	// changed is closed and replaced at each change.
	changed chan struct{}
}

// NewSet starts with faults kept from an earlier run.
func NewSet(faults []Fault) *Set {
	return &Set{faults: faults, changed: make(chan struct{})}
}

// Add sets a fault, replacing an earlier one of the same kind.
func (s *Set) Add(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.faults = append(slices.DeleteFunc(s.faults, func(old Fault) bool { return old.Kind == f.Kind }), f)
	s.signal()
}

// Remove ends the fault of one kind, or all when kind is empty. It returns what was removed.
func (s *Set) Remove(kind Kind) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()

	var removed, kept []Fault

	for _, f := range s.faults {
		if kind == "" || f.Kind == kind {
			removed = append(removed, f)
		} else {
			kept = append(kept, f)
		}
	}

	s.faults = kept
	s.signal()

	return removed
}

// Get returns the active fault of a kind.
func (s *Set) Get(kind Kind) (Fault, bool) {
	for _, f := range s.List() {
		if f.Kind == kind {
			return f, true
		}
	}

	return Fault{}, false
}

// Has says whether a fault is active.
func (s *Set) Has(kind Kind) bool {
	_, ok := s.Get(kind)

	return ok
}

// Skew is the machine clock's offset.
func (s *Set) Skew() time.Duration {
	f, _ := s.Get(ClockSkew)

	return time.Duration(f.Seconds * float64(time.Second))
}

// List returns the active faults, without those that have ended.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()

	now := time.Now()
	s.faults = slices.DeleteFunc(s.faults, func(f Fault) bool { return f.Until != nil && now.After(*f.Until) })

	return slices.Clone(s.faults)
}

// Changed returns a channel that is closed at the next change.
func (s *Set) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.changed
}

func (s *Set) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}
