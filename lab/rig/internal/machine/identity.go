package machine

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"net/netip"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"

	"plinth.dev/lab/rig/internal/settings"
)

// Config is the active configuration, nil in maintenance.
func (s *Session) Config() config.Provider {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.active
}

// ClusterID names the cluster the machine belongs to; empty without configuration.
func (s *Session) ClusterID() string {
	if cfg := s.Config(); cfg != nil {
		return settings.ClusterID(cfg)
	}

	return ""
}

// ControlPlane says whether the machine is configured as a control plane.
func (s *Session) ControlPlane() bool {
	cfg := s.Config()

	return cfg != nil && cfg.Machine() != nil && cfg.Machine().Type().IsControlPlane()
}

// Type is the configured machine type.
func (s *Session) Type() talosmachine.Type {
	if cfg := s.Config(); cfg != nil && cfg.Machine() != nil {
		return cfg.Machine().Type()
	}

	return talosmachine.TypeUnknown
}

// Hostname is the configured name; without one, a stable name from the machine's identity.
func (s *Session) Hostname() string {
	if cfg := s.Config(); cfg != nil {
		if hostname := cfg.NetworkHostnameConfig(); hostname != nil && hostname.Hostname() != "" {
			name, _, _ := strings.Cut(hostname.Hostname(), ".")

			return name
		}
	}

	sum := sha256.Sum256([]byte(s.Spec.UUID))
	name := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))

	return "talos-" + name[:3] + "-" + name[3:6]
}

// NodeID identifies the machine among the cluster's members.
func (m *Machine) NodeID() string {
	sum := sha256.Sum256([]byte("node" + m.Spec.UUID))

	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// VirtualIPs are the shared addresses the configuration asks for.
func (s *Session) VirtualIPs() []netip.Addr {
	cfg := s.Config()
	if cfg == nil {
		return nil
	}

	var addresses []netip.Addr

	for _, vip := range cfg.NetworkVirtualIPConfigs() {
		addresses = append(addresses, vip.VIP())
	}

	if cfg.RawV1Alpha1() == nil || cfg.Machine() == nil {
		return addresses
	}

	for _, device := range cfg.Machine().Network().Devices() {
		if device.VIPConfig() == nil {
			continue
		}

		if address, err := netip.ParseAddr(device.VIPConfig().IP()); err == nil {
			addresses = append(addresses, address)
		}
	}

	return addresses
}
