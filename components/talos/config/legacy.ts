import type { DiskModel, InterfaceModel, NodeModel, VlanModel } from "./model";
import { registryFields } from "./registries";
import type { Has } from "./render";
import { kubeletExtraConfig, selfTaints } from "./taints";
import type { ConfigDocument } from "./yaml";

/** The fields of the v1alpha1 document, less those that the contract has moved to documents. */
export function legacyFields(model: NodeModel, has: Has): ConfigDocument {
  return { machine: machine(model, has), cluster: { ...(has("1.14") ? {} : cluster(model)), ...etcd(model) } };
}

/** No contract has moved etcd's own networks to a document yet. */
function etcd({ type, etcdSubnets }: NodeModel): ConfigDocument {
  return type === "controlplane" && etcdSubnets !== undefined ? { etcd: { advertisedSubnets: etcdSubnets } } : {};
}

function machine(model: NodeModel, has: Has): ConfigDocument {
  return {
    certSANs: model.certSANs,
    ...(has("1.12")
      ? {}
      : { network: network(model), registries: registryFields(model), time: { servers: model.ntp } }),
    ...(has("1.13") ? {} : { env: model.environment }),
    ...(has("1.14")
      ? {}
      : {
          install: install(model),
          kubelet: {
            extraArgs: model.kubelet?.extraArgs,
            extraConfig: kubeletExtraConfig(model),
            // The kubelet runs in a container and sees no folder of the host that it is not given.
            extraMounts: has("1.12") ? undefined : model.directories?.map(mounted),
            nodeIP: { validSubnets: model.kubelet?.nodeSubnets },
          },
          nodeAnnotations: model.annotations,
          nodeLabels: model.labels,
          nodeTaints: selfTaints(model),
          sysctls: model.sysctls,
          kernel: { modules: model.kernelModules?.map((name) => ({ name })) },
        }),
  };
}

function mounted(name: string): ConfigDocument {
  const path = `/var/mnt/${name}`;
  return { destination: path, source: path, type: "bind", options: ["bind", "rshared", "rw"] };
}

function cluster(model: NodeModel): ConfigDocument {
  const network = { podSubnets: model.podSubnets, serviceSubnets: model.serviceSubnets };
  if (model.type === "worker") return { network };
  return {
    allowSchedulingOnControlPlanes: model.allowSchedulingOnControlPlanes,
    apiServer: { extraArgs: model.apiServer?.extraArgs, certSANs: model.apiServer?.certSANs },
    network: { ...network, cni: { name: model.cni === "none" ? "none" : undefined } },
    proxy: { disabled: model.kubeProxy === false ? true : undefined },
  };
}

function network(model: NodeModel): ConfigDocument {
  return {
    hostname: model.hostname,
    interfaces: model.interfaces?.map((link) => networkInterface(link, model)),
    nameservers: model.nameservers,
    searchDomains: model.searchDomains,
  };
}

function networkInterface(link: InterfaceModel, model: NodeModel): ConfigDocument {
  return {
    ...(link.mac === undefined
      ? { interface: link.name }
      : { deviceSelector: { permanentAddr: link.mac.toLowerCase() } }),
    ...linkFields(link),
    ...(model.vip?.link === link.name ? { vip: { ip: model.vip.address } } : {}),
    ...(link.vlans === undefined ? {} : { vlans: link.vlans.map((vlan) => vlanFields(link, vlan, model)) }),
  };
}

function vlanFields(link: InterfaceModel, vlan: VlanModel, model: NodeModel): ConfigDocument {
  const vip = model.vip?.link === `${link.name}.${vlan.id}` ? { vip: { ip: model.vip.address } } : {};
  return { vlanId: vlan.id, ...linkFields(vlan), ...vip };
}

function linkFields(link: Omit<VlanModel, "id">): ConfigDocument {
  const routes = [
    ...(link.gateway === undefined ? [] : [{ network: defaultRoute(link.gateway), gateway: link.gateway }]),
    ...(link.routes ?? []).map(({ destination, gateway }) => ({ network: destination, gateway })),
  ];
  return {
    ...(link.addresses === undefined ? {} : { addresses: link.addresses }),
    ...(routes.length === 0 ? {} : { routes }),
    ...(link.dhcp === undefined ? {} : { dhcp: link.dhcp }),
    ...(link.mtu === undefined ? {} : { mtu: link.mtu }),
  };
}

function defaultRoute(gateway: string): string {
  return gateway.includes(":") ? "::/0" : "0.0.0.0/0";
}

function install(model: NodeModel): ConfigDocument {
  if (model.install === undefined) return {};
  const { disk, image, extraKernelArgs } = model.install;
  return { ...installDisk(disk), image, extraKernelArgs };
}

function installDisk(disk: DiskModel): ConfigDocument {
  const { path, ...selector } = disk;
  return path === undefined ? { diskSelector: selector } : { disk: path };
}
