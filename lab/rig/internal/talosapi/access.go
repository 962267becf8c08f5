package talosapi

import (
	"context"
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/settings"
)

// GenerateClientConfiguration issues a client certificate for some roles.
func (s *machineService) GenerateClientConfiguration(
	_ context.Context, request *machineapi.GenerateClientConfigurationRequest,
) (*machineapi.GenerateClientConfigurationResponse, error) {
	if s.agent == nil {
		return nil, errNotRunning
	}

	if s.agent.Etcd == nil {
		return nil, status.Error(codes.FailedPrecondition, "client configuration (talosconfig) can't be generated on worker nodes")
	}

	lifetime := request.GetCrtTtl().AsDuration()
	if lifetime <= 0 {
		return nil, status.Error(codes.InvalidArgument, "crt_ttl should be positive")
	}

	roles, unknown := role.Parse(request.Roles)
	if len(unknown) > 0 {
		return nil, status.Errorf(codes.InvalidArgument, "unknown roles: %v", unknown)
	}

	cfg := s.session.Config()
	authority := cfg.Machine().Security().IssuingCA()

	pair, err := secrets.NewAdminCertificateAndKey(time.Now(), authority, roles, lifetime)
	if err != nil {
		return nil, err
	}

	talosconfig, err := clientconfig.NewConfig(settings.ClusterName(cfg), nil, authority.Crt, pair).Bytes()
	if err != nil {
		return nil, err
	}

	return &machineapi.GenerateClientConfigurationResponse{Messages: []*machineapi.GenerateClientConfiguration{{
		Ca: authority.Crt, Crt: pair.Crt, Key: pair.Key, Talosconfig: talosconfig,
	}}}, nil
}
