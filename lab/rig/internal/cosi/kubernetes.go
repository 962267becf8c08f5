package cosi

import (
	"fmt"

	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/settings"
)

// kubernetesOf is what the control plane and the kubelet were rendered from.
func kubernetesOf(s *machine.Session, agent *cluster.Agent) []meta.ResourceWithRD {
	cfg := s.Config()

	nodename := k8s.NewNodename(k8s.NamespaceName, k8s.NodenameID)
	nodename.TypedSpec().Nodename = s.Hostname()

	kubelet := k8s.NewKubeletSpec(k8s.NamespaceName, k8s.KubeletID)
	kubelet.TypedSpec().Image = cfg.K8sKubeletConfig().Image()
	kubelet.TypedSpec().ExpectedNodename = s.Hostname()

	list := []meta.ResourceWithRD{nodename, kubelet}

	if !s.ControlPlane() {
		return list
	}

	return append(append(list, controlPlaneOf(agent, cfg)...), staticPodsOf(s, agent, cfg)...)
}

func controlPlaneOf(agent *cluster.Agent, cfg config.Provider) []meta.ResourceWithRD {
	network, endpoint := settings.Network(cfg), settings.Endpoint(cfg).String()
	podCIDRs, serviceCIDRs := settings.Prefixes(network.PodCIDRs()), settings.Prefixes(network.ServiceCIDRs())

	var list []meta.ResourceWithRD

	for _, id := range agent.ConfigIDs(k8s.APIServerID) {
		apiServer, component := k8s.NewAPIServerConfig(id), cfg.K8sAPIServerConfig()
		*apiServer.TypedSpec() = k8s.APIServerConfigSpec{
			Image: component.Image(), ControlPlaneEndpoint: endpoint, LocalPort: component.APIPort(),
			ServiceCIDRs: serviceCIDRs, ExtraArgs: argValues(component.ExtraArgs()), EnvironmentVariables: component.Env(),
			EtcdServers: []string{"https://127.0.0.1:2379"}, AdvertisedAddress: "$(POD_IP)",
		}
		list = append(list, apiServer)
	}

	for _, id := range agent.ConfigIDs(k8s.ControllerManagerID) {
		manager, component := k8s.NewControllerManagerConfig(id), cfg.K8sControllerManagerConfig()
		*manager.TypedSpec() = k8s.ControllerManagerConfigSpec{
			Enabled: component.Enabled(), Image: component.Image(), PodCIDRs: podCIDRs, ServiceCIDRs: serviceCIDRs,
			ExtraArgs: argValues(component.ExtraArgs()), EnvironmentVariables: component.Env(),
		}
		list = append(list, manager)
	}

	for _, id := range agent.ConfigIDs(k8s.SchedulerID) {
		scheduler, component := k8s.NewSchedulerConfig(id), cfg.K8sSchedulerConfig()
		*scheduler.TypedSpec() = k8s.SchedulerConfigSpec{
			Enabled: component.Enabled(), Image: component.Image(), ExtraArgs: argValues(component.ExtraArgs()),
			EnvironmentVariables: component.Env(), Config: component.Config(),
		}
		list = append(list, scheduler)
	}

	manifests := k8s.NewBootstrapManifestsConfig()
	*manifests.TypedSpec() = k8s.BootstrapManifestsConfigSpec{
		Server: endpoint, ClusterDomain: network.DNSDomain(), PodCIDRs: podCIDRs, CNIName: settings.CNI(cfg),
	}

	return append(list, manifests)
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
