package cosi

import (
	"net"
	"net/netip"
	"path"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/dustin/go-humanize"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/v1alpha1"

	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/spec"
)

// systemPartitions is what boot, state and meta partitions take of a system disk.
const systemPartitions = 4 << 30

// hardwareOf is what the machine consists of.
func hardwareOf(s *machine.Session) []meta.ResourceWithRD {
	var list []meta.ResourceWithRD

	for _, spec := range Disks(s.Spec) {
		disk := block.NewDisk(block.NamespaceName, path.Base(spec.DevPath))
		*disk.TypedSpec() = spec
		list = append(list, disk)
	}

	system := hardware.NewSystemInformation(hardware.SystemInformationID)
	*system.TypedSpec() = hardware.SystemInformationSpec{
		Manufacturer: "Simulated", ProductName: "Machine", SerialNumber: s.Spec.Name, UUID: s.Spec.UUID, WakeUpType: "Power Switch",
	}

	return append(append(list, system), networkOf(s)...)
}

// Disks describes the block devices of a machine.
func Disks(hardware spec.Machine) []block.DiskSpec {
	list := make([]block.DiskSpec, len(hardware.Disks))

	for i, hw := range hardware.Disks {
		list[i] = block.DiskSpec{
			DevPath: hw.Name, Size: hw.SizeGiB << 30, PrettySize: humanize.Bytes(hw.SizeGiB << 30), IOSize: 512, SectorSize: 512,
			Model: hw.Model, Serial: hw.Serial, WWID: hw.WWID, Transport: hw.Transport, SubSystem: "/sys/class/block",
			BusPath: "/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0",
		}
	}

	return list
}

func networkOf(s *machine.Session) []meta.ResourceWithRD {
	// The rig file was checked: the address is well formed.
	mac, _ := net.ParseMAC(s.Spec.MAC)

	link := network.NewLinkStatus(network.NamespaceName, spec.LinkName)
	*link.TypedSpec() = network.LinkStatusSpec{
		Index: 2, Type: nethelpers.LinkEther, MTU: 1500, LinkState: true, SpeedMegabits: 1000, OperationalState: nethelpers.OperStateUp,
		HardwareAddr: nethelpers.HardwareAddr(mac), PermanentAddr: nethelpers.HardwareAddr(mac), Driver: "virtio_net", Duplex: nethelpers.Full,
	}

	address := network.NewAddressStatus(network.NamespaceName, spec.LinkName+"/"+s.Spec.Address)
	*address.TypedSpec() = network.AddressStatusSpec{
		Address: netip.PrefixFrom(s.Address, 24), LinkIndex: 2, LinkName: spec.LinkName, Family: nethelpers.FamilyInet4,
	}

	hostname := network.NewHostnameStatus(network.NamespaceName, network.HostnameID)
	hostname.TypedSpec().Hostname = s.Hostname()

	return []meta.ResourceWithRD{link, address, hostname}
}

// statusOf is what runs, and how it goes.
func statusOf(s *machine.Session) []meta.ResourceWithRD {
	stage := s.Stage()

	status := runtime.NewMachineStatus()
	status.TypedSpec().Stage = stage.Resource()
	status.TypedSpec().Status.Ready = stage == machine.StageMaintenance || s.Ready()

	for _, service := range s.Services.List() {
		if stage == machine.StageRunning && !service.Healthy && !service.Unknown {
			status.TypedSpec().Status.UnmetConditions = append(status.TypedSpec().Status.UnmetConditions, runtime.UnmetCondition{
				Name: "services", Reason: service.ID + " not healthy",
			})
		}
	}

	version := runtime.NewVersion()
	*version.TypedSpec() = runtime.VersionSpec{Name: "Talos", Version: s.System.Version}

	list := []meta.ResourceWithRD{status, version}

	for _, service := range s.Services.List() {
		running := service.State() == machine.ServiceRunning

		res := v1alpha1.NewService(service.ID)
		*res.TypedSpec() = v1alpha1.ServiceSpec{Running: running, Healthy: running && service.Healthy, Unknown: service.Unknown}
		list = append(list, res)
	}

	if schematic := schematicOf(s.System.Image); schematic != "" {
		extension := runtime.NewExtensionStatus(runtime.NamespaceName, "0")
		extension.TypedSpec().Image = "schematic.sqsh"
		extension.TypedSpec().Metadata.Name = "schematic"
		extension.TypedSpec().Metadata.Version = schematic
		list = append(list, extension)
	}

	return list
}

// schematicOf is the image factory's schematic id in an installer image, if it is one.
func schematicOf(image string) string {
	image, _, _ = strings.Cut(image, "@")
	name := path.Base(strings.TrimSuffix(image, ":"+machine.ImageVersion(image)))

	if len(name) == 64 && strings.Trim(name, "0123456789abcdef") == "" {
		return name
	}

	return ""
}

// configurationOf is the configured machine: its documents and its disk.
func configurationOf(s *machine.Session) []meta.ResourceWithRD {
	cfg := s.Config()

	kind := configres.NewMachineType()
	kind.SetMachineType(s.Type())

	first := s.Spec.Disks[0]
	system := block.NewSystemDisk(block.NamespaceName, block.SystemDiskID)
	*system.TypedSpec() = block.SystemDiskSpec{DiskID: path.Base(first.Name), DevPath: first.Name}

	volume := block.NewVolumeStatus(block.NamespaceName, constants.EphemeralPartitionLabel)
	*volume.TypedSpec() = block.VolumeStatusSpec{
		Phase: block.VolumePhaseReady, Type: block.VolumeTypePartition, Location: first.Name + "4", MountLocation: first.Name + "4",
		ParentLocation: first.Name, PartitionIndex: 4, Filesystem: block.FilesystemTypeXFS,
		Size: first.SizeGiB<<30 - systemPartitions, PrettySize: humanize.Bytes(first.SizeGiB<<30 - systemPartitions),
	}

	list := []meta.ResourceWithRD{configres.NewMachineConfig(cfg), kind, system, volume}

	if stored := s.Stored(); stored != nil {
		list = append(list, configres.NewMachineConfigWithID(stored, configres.PersistentID))
	}

	return list
}
