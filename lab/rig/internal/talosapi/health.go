package talosapi

import (
	"context"
	"fmt"
	"time"

	clusterapi "github.com/siderolabs/talos/pkg/machinery/api/cluster"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/machine"
)

// clusterService checks a cluster from the inside.
type clusterService struct {
	clusterapi.UnimplementedClusterServiceServer
	*node
}

const healthPoll = time.Second

// HealthCheck waits for each check in turn and tells how it goes.
func (s *clusterService) HealthCheck(request *clusterapi.HealthCheckRequest, stream grpc.ServerStreamingServer[clusterapi.HealthCheckProgress]) error {
	if s.agent == nil {
		return errNotRunning
	}

	ctx, cancel := context.WithTimeout(stream.Context(), request.GetWaitTimeout().AsDuration())
	defer cancel()

	say := func(format string, args ...any) error {
		return stream.Send(&clusterapi.HealthCheckProgress{Message: fmt.Sprintf(format, args...)})
	}

	for _, check := range []struct {
		name string
		run  func() error
	}{
		{"etcd to be healthy", s.checkEtcd},
		{"etcd members to be control plane nodes", func() error { return s.checkMembers(ctx) }},
		{"apid to be ready", s.checkAPI},
		{"kubelet to be healthy", s.checkService("kubelet")},
		{"all nodes to finish boot sequence", s.checkStage},
		{"all control plane components to be ready", s.checkComponents},
		{"all k8s nodes to report ready", func() error { return s.agent.CheckNodes(ctx) }},
	} {
		if err := waitFor(ctx, check.name, check.run, say); err != nil {
			return err
		}
	}

	return nil
}

func waitFor(ctx context.Context, name string, run func() error, say func(string, ...any) error) error {
	if err := say("waiting for %s: ...", name); err != nil {
		return err
	}

	last := ""

	for {
		err := run()
		if err == nil {
			return say("waiting for %s: OK", name)
		}

		if err.Error() != last {
			last = err.Error()

			if err := say("waiting for %s: %s", name, last); err != nil {
				return err
			}
		}

		select {
		case <-ctx.Done():
			return status.Errorf(codes.DeadlineExceeded, "waiting for %s: %s", name, last)
		case <-time.After(healthPoll):
		}
	}
}

// peers are the other machines of the cluster and this one; a member that is away is an error.
func (s *clusterService) peers() ([]*cluster.Agent, error) {
	agents := s.api.registry.Cluster(s.session.ClusterID())
	known := 0

	for _, m := range s.api.hub.Machines() {
		if record, ok := m.Membership(); ok && record.ClusterID == s.session.ClusterID() {
			known++
		}
	}

	if len(agents) < known {
		return agents, fmt.Errorf("%d of %d machines are not reachable", known-len(agents), known)
	}

	return agents, nil
}

func (s *clusterService) each(check func(*cluster.Agent) error) error {
	agents, err := s.peers()
	if err != nil {
		return err
	}

	for _, agent := range agents {
		if err := check(agent); err != nil {
			return fmt.Errorf("%s: %w", agent.Spec.Address, err)
		}
	}

	return nil
}

func (s *clusterService) checkService(id string) func() error {
	return func() error {
		return s.each(func(a *cluster.Agent) error {
			service, ok := a.Services.Get(id)
			if !ok || service.State() != machine.ServiceRunning || !service.Healthy {
				return fmt.Errorf("service %q is not healthy", id)
			}

			return nil
		})
	}
}

func (s *clusterService) checkEtcd() error {
	return s.each(func(a *cluster.Agent) error {
		if a.Etcd != nil && !a.Etcd.Healthy() {
			return fmt.Errorf("service \"etcd\" is not healthy")
		}

		return nil
	})
}

func (s *clusterService) checkMembers(ctx context.Context) error {
	agents, err := s.peers()
	if err != nil {
		return err
	}

	controlPlanes := 0

	for _, a := range agents {
		if a.Etcd != nil {
			controlPlanes++
		}
	}

	for _, a := range agents {
		if a.Etcd == nil {
			continue
		}

		list, err := a.Etcd.Members(ctx)
		if err != nil {
			return err
		}

		if len(list.Members) != controlPlanes {
			return fmt.Errorf("etcd has %d members, the cluster %d control plane nodes", len(list.Members), controlPlanes)
		}
	}

	return nil
}

func (s *clusterService) checkAPI() error {
	return s.each(func(a *cluster.Agent) error {
		if !s.api.Listening(a.Machine) {
			return fmt.Errorf("service \"apid\" is not ready")
		}

		return nil
	})
}

func (s *clusterService) checkStage() error {
	return s.each(func(a *cluster.Agent) error {
		if stage := a.Stage(); stage != machine.StageRunning {
			return fmt.Errorf("unexpected machine stage: %s", stage)
		}

		return nil
	})
}

func (s *clusterService) checkComponents() error {
	return s.each(func(a *cluster.Agent) error {
		if a.Etcd != nil && !a.Ready() {
			return fmt.Errorf("kube-apiserver is not ready")
		}

		return nil
	})
}
