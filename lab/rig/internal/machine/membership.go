package machine

import (
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/settings"
)

// Membership is what the cluster's discovery knows of a machine.
type Membership struct {
	ClusterID, Hostname string
	Type                talosmachine.Type
	APIServerPort       int
}

// Membership returns what was last known of the machine; false when it belongs to no cluster.
func (m *Machine) Membership() (Membership, bool) {
	if s := m.Session(); s != nil && s.Config() != nil {
		known := Membership{ClusterID: s.ClusterID(), Hostname: s.Hostname(), Type: s.Type()}
		known.APIServerPort = settings.APIPort(s.Config())

		m.mu.Lock()
		m.known = known
		m.mu.Unlock()

		return known, known.ClusterID != ""
	}

	if m.Store.Disk().Config == "" && !m.Faults.Has(fault.StaleMember) {
		return Membership{}, false
	}

	m.mu.Lock()
	defer m.mu.Unlock()

	return m.known, m.known.ClusterID != ""
}

// Stored is the configuration of the next boot, nil when there is none.
func (s *Session) Stored() config.Provider {
	s.mu.Lock()
	defer s.mu.Unlock()

	raw := s.Store.Disk().Config
	if raw == "" {
		return nil
	}

	if raw != s.storedText {
		provider, err := configloader.NewFromBytes([]byte(raw))
		if err != nil {
			return nil
		}

		s.storedText, s.stored = raw, provider
	}

	return s.stored
}
