import { parseCidr } from "../address/cidr";
import type { Link, MachineLinks } from "../machine/contract";
import { NVIDIA_LABELS, NVIDIA_MODULES, NVIDIA_SYSCTLS } from "../machine/gpu/nvidia";
import type { DiskModel, InterfaceModel, NodeModel } from "../talos/config/model";
import { nodeEncryption } from "./encryption";
import type { NodePlan, SitePlan } from "./plan";

/** Addresses of a node once they are known: literals at once, claims when the pool has answered. */
export interface NodeAddresses {
  readonly address: string;
  /** Shared address of the Kubernetes API. @default - the single control plane's own */
  readonly vip?: string;
}

/** What a node's configuration holds besides its plan, once it is known. */
export interface NodeFacts extends NodeAddresses {
  /** Passphrases by the name of their secret. @default - empty texts, for everything but the machine itself */
  readonly passphrases?: Readonly<Record<string, string>>;
  /** Links of a machine whose provider tells them. @default - one link, found by the plan's MAC address, with its VLAN */
  readonly links?: MachineLinks;
}

/** Name of the link in the site's network, found by its MAC address. */
const LINK = "net0";
/** Name of the link to the Internet, where that is another one. */
const INTERNET = "net1";

/** What Talos is told about a node: its plan and addresses as one model, free of any configuration format. */
export function nodeModel(plan: SitePlan, node: NodePlan, facts: NodeFacts): NodeModel {
  const { vip, passphrases, links = ownLinks(node) } = facts;
  const { network, kubernetes, talos } = plan;
  const controlPlane = node.type === "controlplane";
  return {
    type: node.type,
    hostname: node.hostname,
    interfaces: interfaces(plan, links, facts.address),
    ...(controlPlane && vip !== undefined && { vip: { address: vip, link: siteLink(links) } }),
    // With two links etcd might take the one to the Internet.
    ...(controlPlane && links.internet !== undefined && { etcdSubnets: [network.cidr] }),
    nameservers: network.nameservers,
    ntp: network.ntp,
    install: { disk: diskModel(node.disk), image: (node.image ?? talos).installer },
    ...(controlPlane && kubernetes.apiServer && { apiServer: kubernetes.apiServer }),
    // The VIP lies in the machines' network: without the exclusion a kubelet may take it for the node's own address.
    kubelet: { nodeSubnets: [network.cidr, ...(vip === undefined ? [] : [`!${vip}/${vip.includes(":") ? 128 : 32}`])] },
    labels: { ...(node.image !== undefined && NVIDIA_LABELS), ...node.labels },
    ...(node.image !== undefined && { kernelModules: NVIDIA_MODULES, sysctls: NVIDIA_SYSCTLS }),
    taints: Object.fromEntries(node.taints.map(({ key, value, effect }) => [key, `${value ?? ""}:${effect}`])),
    environment: proxyEnvironment(plan),
    podSubnets: [network.pods],
    serviceSubnets: [network.services],
    cni: kubernetes.cni,
    // Cilium takes its place; the two together would fight over every Service.
    ...(plan.platform?.services.some(({ name }) => name === "cilium") && { kubeProxy: false }),
    directories: (plan.platform?.services ?? []).flatMap(({ directory }) =>
      directory?.nodes.includes(node.hostname) ? [directory.name] : [],
    ),
    allowSchedulingOnControlPlanes: kubernetes.scheduleOnControlPlanes,
    ...(talos.mirrors !== undefined && { mirrors: talos.mirrors }),
    ...(talos.registries !== undefined && {
      authorities: Object.fromEntries(Object.entries(talos.registries).map(([host, { ca }]) => [host, ca])),
    }),
    ...(node.encryption !== undefined && {
      encryption: nodeEncryption(node.encryption, (secret) => passphrases?.[secret] ?? ""),
    }),
  };
}

/** The link of a machine that no provider tells of. */
function ownLinks({ mac, boot }: NodePlan): MachineLinks {
  const vlan = boot?.network?.vlan;
  return { site: { mac, ...(vlan !== undefined && { vlan }) } };
}

/** Name of the link, or of the VLAN on it, that is in the site's network. */
function siteLink({ site }: MachineLinks): string {
  const { name } = wire(site, LINK);
  return site.vlan === undefined ? name : `${name}.${site.vlan}`;
}

/** How Talos finds a link: one with an Ethernet address is given a name of plinth's. */
function wire({ mac, name }: Link, alias: string): Pick<InterfaceModel, "mac" | "name"> {
  return mac === undefined ? { name: name ?? alias } : { name: alias, mac };
}

/** The link in the site's network, and the one to the Internet; both may be on one wire. */
function interfaces(
  { network }: SitePlan,
  { site, internet }: MachineLinks,
  address: string,
): readonly InterfaceModel[] {
  const own = {
    ...(site.dhcp === true ? { dhcp: true } : { addresses: [`${address}/${prefixLength(network.cidr)}`] }),
    ...(network.gateway !== undefined && { gateway: network.gateway }),
    ...(network.mtu !== undefined && { mtu: network.mtu }),
  };
  const inside = site.vlan === undefined ? own : { vlans: [{ id: site.vlan, ...own }] };
  if (internet === undefined) return [{ ...wire(site, LINK), ...inside }];
  const outside = {
    ...(internet.address === undefined ? { dhcp: true } : { addresses: [internet.address] }),
    ...(internet.gateway !== undefined && { gateway: internet.gateway }),
  };
  if (internet.mac !== undefined && internet.mac === site.mac) return [{ ...wire(site, LINK), ...outside, ...inside }];
  return [
    { ...wire(site, LINK), ...inside },
    { ...wire(internet, INTERNET), ...outside },
  ];
}

function prefixLength(cidr: string): number {
  const { value, problem } = parseCidr(cidr, "network.cidr");
  if (problem) throw new Error(`unreachable: a checked site has a sound network.cidr, not ${cidr}`);
  return value.prefixLength;
}

function diskModel(disk: NodePlan["disk"]): DiskModel {
  if (!("selector" in disk)) return disk;
  const { type, model, size, busPath } = disk.selector;
  return {
    ...(type !== undefined && { type }),
    ...(model !== undefined && { model }),
    ...(size !== undefined && { size }),
    ...(busPath !== undefined && { busPath }),
  };
}

/** Proxy settings in the form every program reads them. The site's own networks are always reached directly. */
function proxyEnvironment({ network, domain }: SitePlan): Record<string, string> {
  if (network.proxy === undefined) return {};
  const { http, https, exclude } = network.proxy;
  const direct = [
    "localhost",
    "127.0.0.1",
    network.cidr,
    network.pods,
    network.services,
    `.${domain}`,
    ".cluster.local",
    ...exclude,
  ];
  return {
    ...(http !== undefined && { http_proxy: http }),
    ...(https !== undefined && { https_proxy: https }),
    no_proxy: direct.join(","),
  };
}
