package cosi

import (
	"fmt"

	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/machine"
)

// kubernetesOf is what the control plane and the kubelet were rendered from.
func kubernetesOf(s *machine.Session, agent *cluster.Agent) []meta.ResourceWithRD {
	cfg := s.Config()

	nodename := k8s.NewNodename(k8s.NamespaceName, k8s.NodenameID)
	nodename.TypedSpec().Nodename = s.Hostname()

	kubelet := k8s.NewKubeletSpec(k8s.NamespaceName, k8s.KubeletID)
	kubelet.TypedSpec().Image = cfg.Machine().Kubelet().Image()
	kubelet.TypedSpec().ExpectedNodename = s.Hostname()

	list := []meta.ResourceWithRD{nodename, kubelet}

	if !s.ControlPlane() {
		return list
	}

	return append(append(list, controlPlaneOf(cfg)...), staticPodsOf(s, agent, cfg)...)
}

func controlPlaneOf(cfg config.Provider) []meta.ResourceWithRD {
	cl := cfg.Cluster()

	apiServer := k8s.NewAPIServerConfig()
	*apiServer.TypedSpec() = k8s.APIServerConfigSpec{
		Image: cl.APIServer().Image(), ControlPlaneEndpoint: cl.Endpoint().String(), LocalPort: cl.LocalAPIServerPort(),
		ServiceCIDRs: cl.Network().ServiceCIDRs(), ExtraArgs: argValues(cl.APIServer().ExtraArgs()), EnvironmentVariables: cl.APIServer().Env(),
		EtcdServers: []string{"https://127.0.0.1:2379"}, AdvertisedAddress: "$(POD_IP)",
	}

	manager := k8s.NewControllerManagerConfig()
	*manager.TypedSpec() = k8s.ControllerManagerConfigSpec{
		Enabled: true, Image: cl.ControllerManager().Image(), PodCIDRs: cl.Network().PodCIDRs(), ServiceCIDRs: cl.Network().ServiceCIDRs(),
		ExtraArgs: argValues(cl.ControllerManager().ExtraArgs()), EnvironmentVariables: cl.ControllerManager().Env(),
	}

	scheduler := k8s.NewSchedulerConfig()
	*scheduler.TypedSpec() = k8s.SchedulerConfigSpec{
		Enabled: true, Image: cl.Scheduler().Image(), ExtraArgs: argValues(cl.Scheduler().ExtraArgs()),
		EnvironmentVariables: cl.Scheduler().Env(), Config: cl.Scheduler().Config(),
	}

	manifests := k8s.NewBootstrapManifestsConfig()
	*manifests.TypedSpec() = k8s.BootstrapManifestsConfigSpec{
		Server: cl.Endpoint().String(), ClusterDomain: cl.Network().DNSDomain(), PodCIDRs: cl.Network().PodCIDRs(),
		CNIName: cl.Network().CNI().Name(),
	}

	return []meta.ResourceWithRD{apiServer, manager, scheduler, manifests}
}

func argValues(args map[string][]string) map[string]k8s.ArgValues {
	values := make(map[string]k8s.ArgValues, len(args))
	for name, list := range args {
		values[name] = k8s.ArgValues{Values: list}
	}

	return values
}

// staticPodsOf reports the programs of the control plane as pods. The controller manager and the
// scheduler run once a cluster, on the machine with the virtual address; elsewhere they stand by
// as a replica that is not the leader does.
func staticPodsOf(s *machine.Session, agent *cluster.Agent, cfg config.Provider) []meta.ResourceWithRD {
	var list []meta.ResourceWithRD

	for _, component := range agent.Components(cfg) {
		ready := component.Unit.State().Running && agent.Ready()
		if component.Name != k8s.APIServerID && component.Unit.Wanted() == nil {
			ready = agent.Ready() && agent.Failure(component.Name) == ""
		}

		value := "False"
		if ready {
			value = "True"
		}

		pod := k8s.NewStaticPodStatus(k8s.NamespaceName, fmt.Sprintf("kube-system/%s-%s", component.Name, s.Hostname()))
		pod.TypedSpec().PodStatus = map[string]any{
			"phase":      "Running",
			"conditions": []any{map[string]any{"type": "Ready", "status": value}},
		}
		list = append(list, pod)
	}

	return list
}
