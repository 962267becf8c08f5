package cosi

import (
	"net/netip"

	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	clusterres "github.com/siderolabs/talos/pkg/machinery/resources/cluster"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/etcd"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/v1alpha1"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/machine"
)

// knownTypes are the types a simulated machine has; asking for another is an error.
func knownTypes() []meta.ResourceWithRD {
	return []meta.ResourceWithRD{
		&block.Disk{}, &block.SystemDisk{}, &block.VolumeStatus{},
		&clusterres.Member{}, &clusterres.Identity{},
		configres.NewMachineConfig(nil), &configres.MachineType{},
		&etcd.Member{},
		&hardware.SystemInformation{},
		&k8s.APIServerConfig{}, &k8s.ControllerManagerConfig{}, &k8s.SchedulerConfig{}, &k8s.BootstrapManifestsConfig{},
		&k8s.KubeletSpec{}, &k8s.Manifest{}, &k8s.Nodename{}, &k8s.StaticPodStatus{},
		&network.AddressStatus{}, &network.HostnameStatus{}, &network.LinkStatus{},
		&runtime.Diagnostic{}, &runtime.ExtensionStatus{}, &runtime.MachineStatus{}, &runtime.Version{},
		&v1alpha1.Service{},
	}
}

// ForSession derives the resources of one boot. agent is nil in maintenance.
func ForSession(s *machine.Session, agent *cluster.Agent) Source {
	return func() []meta.ResourceWithRD {
		list := append(hardwareOf(s), statusOf(s)...)

		if agent != nil {
			list = append(list, configurationOf(s)...)
			list = append(list, membersOf(s)...)
			list = append(list, kubernetesOf(s, agent)...)
		}

		return list
	}
}

// membersOf lists the machines of the cluster, also those that are off: discovery remembers a
// member until it is reset.
func membersOf(s *machine.Session) []meta.ResourceWithRD {
	var list []meta.ResourceWithRD

	for _, m := range s.Hub.Machines() {
		record, ok := m.Membership()
		if !ok || record.ClusterID != s.ClusterID() {
			continue
		}

		member := clusterres.NewMember(clusterres.NamespaceName, record.Hostname)
		*member.TypedSpec() = clusterres.MemberSpec{
			NodeID: m.NodeID(), Hostname: record.Hostname, MachineType: record.Type, Addresses: []netip.Addr{m.Address},
			OperatingSystem: "Talos (" + m.Store.Disk().Current().Version + ")",
		}

		if record.Type.IsControlPlane() {
			member.TypedSpec().ControlPlane = &clusterres.ControlPlane{APIServerPort: record.APIServerPort}
		}

		list = append(list, member)
	}

	identity := clusterres.NewIdentity(clusterres.NamespaceName, clusterres.LocalIdentity)
	identity.TypedSpec().NodeID = s.NodeID()

	return append(list, identity)
}
