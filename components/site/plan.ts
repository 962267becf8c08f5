import type { PoolInputs } from "../address/IpPool";
import type { Backup } from "../backup/spec";
import type { LicenceSpec } from "../licensing/spec";
import { TRAITS } from "../machine/providers";
import type { Maintenance } from "../maintenance/spec";
import { type PlatformPlan, planPlatform } from "../platform/plan";
import { machineFacts, type PlatformSite } from "../platform/site";
import type { MachineType } from "../talos/ClusterRelease";
import { encryptionWarnings } from "../talos/config/encryption";
import type { Contract } from "../talos/releases";
import { normaliseVersion } from "../talos/version";
import type { Telemetry } from "../telemetry/spec";
import { type BootPlan, planBoot } from "./boot";
import { nodeEncryption } from "./encryption";
import { type HardwarePlan, planHardware } from "./hardware";
import { type ImagePlan, planImage } from "./images";
import { type AddressPlan, planPools } from "./pools";
import { unreachedRegistries } from "./pulls";
import type { AddressSpec, EncryptionSpec, MachineSpec, SiteSpec } from "./spec";
import { planUpgrade, type UpgradePlan } from "./upgrade";

/** One node of the site. */
export interface NodePlan {
  /** Stable inventory key: names every resource of the node. */
  readonly key: string;
  readonly type: MachineType;
  readonly hostname: string;
  /** Ethernet address of its link; empty where the provider tells it once the machine is there. */
  readonly mac: string;
  readonly address: AddressPlan;
  readonly disk: MachineSpec["disk"];
  readonly arch: MachineSpec["arch"];
  readonly failureDomain?: string;
  /** What it may boot over the network. */
  readonly boot?: BootPlan;
  /** What it is compared with before it is installed. */
  readonly hardware?: HardwarePlan;
  /** What is rented for it. @default - that of the provider's part */
  readonly size?: string;
  /** What its virtual machine has otherwise than the provider's part says. */
  readonly vm?: MachineSpec["vm"];
  /** How Talos is written to its disk. @default - it comes some other way */
  readonly rescue?: NonNullable<MachineSpec["rescue"]>;
  /** Its image, where that is not the site's. */
  readonly image?: ImagePlan;
  /** How many GPUs it has. @default 0 */
  readonly gpus?: number;
  /** Whether it ran before plinth. @default false */
  readonly adopted?: boolean;
  /** Which machine stands under the key. @default 1 */
  readonly generation?: number;
  readonly labels: MachineSpec["labels"];
  readonly taints: MachineSpec["taints"];
  /** Keys of its system volumes; a passphrase by the name of its secret. @default - not encrypted */
  readonly encryption?: EncryptionSpec;
}

/** Everything a site is made of, derived once: plain data in one order, nothing left to decide. */
export interface SitePlan {
  readonly name: string;
  readonly domain: string;
  readonly provider: SiteSpec["provider"];
  /** The provider's part of the site file. @default - it has none */
  readonly machines?: ProviderPlan;
  readonly network: Omit<SiteSpec["network"], "endpoint" | "vip">;
  /** Address of the Kubernetes API; `vip` says whether the control planes share it. */
  readonly endpoint: {
    readonly address: AddressPlan;
    readonly vip: boolean;
    readonly port: number;
    /** Name or address it is called by instead. */
    readonly name?: string;
  };
  /** Address pools with their claims, by name. */
  readonly pools: { readonly [name: string]: PoolInputs };
  readonly talos: {
    readonly version: string;
    readonly configContract: Contract;
    /** Schematic id of the image, and its YAML where plinth made it. */
    readonly schematic: { readonly id: string; readonly yaml?: string };
    readonly installer: string;
    /** Image Factory or registry that serves the images. */
    readonly factory: string;
    /** Where images are fetched instead, by registry. @default - from the registries themselves */
    readonly mirrors?: NonNullable<SiteSpec["talos"]["mirrors"]>;
    /** How registries and mirrors show who they are, by host and port. @default - as the public ones do */
    readonly registries?: NonNullable<SiteSpec["talos"]["registries"]>;
    readonly secureBoot: boolean;
    /** System extensions of the image, as far as the site file names them. */
    readonly extensions: readonly string[];
    readonly onDestroy: SiteSpec["talos"]["onDestroy"];
    readonly allow: SiteSpec["talos"]["allow"];
  };
  readonly kubernetes: SiteSpec["kubernetes"];
  /** What runs in the cluster beside Kubernetes. @default - nothing */
  readonly platform?: PlatformPlan;
  /** Where etcd's snapshots go. */
  readonly backup?: Backup;
  /** When the running cluster may be changed. */
  readonly maintenance?: Maintenance;
  /** What covers the site. @default - no licence is asked for */
  readonly licence?: LicenceSpec;
  /** Where it may tell of itself. @default - nowhere */
  readonly telemetry?: Telemetry;
  /** How versions change. */
  readonly upgrade: UpgradePlan;
  /** Control planes first, each group by key. */
  readonly nodes: readonly NodePlan[];
  /** What is legal and still worth a second thought. */
  readonly warnings: readonly string[];
}

/** The part of the site file that belongs to its provider. */
export type ProviderPlan = { readonly [K in "hetzner" | "latitude" | "proxmox" | "vultr"]?: NonNullable<SiteSpec[K]> };

/** Port of the Kubernetes API on every site. */
const API_PORT = 6443;

/** Derives the plan of a site. Pure: the same spec gives the same plan. */
export function planSite(spec: SiteSpec): SitePlan {
  const version = normaliseVersion(spec.talos.version) ?? spec.talos.version;
  const nodes = Object.entries(spec.machines)
    .map(([key, machine]) => {
      const own = (machine.gpus ?? 0) > 0 ? planImage(spec, true) : undefined;
      const { schematic } = own ?? planImage(spec);
      const boot = planBoot(machine, spec, { schematic: schematic.id, version });
      const hardware = planHardware(machine, spec);
      return {
        ...planNode(key, machine, spec),
        ...(own !== undefined && { image: own }),
        ...(boot !== undefined && { boot }),
        ...(hardware !== undefined && { hardware }),
      };
    })
    .sort(byRoleAndKey);
  const { vip, endpoint: name, ...network } = spec.network;
  const { platform: kind } = TRAITS[spec.provider];
  const endpoint = { ...planEndpoint(vip, nodes), ...(name !== undefined && { name }) };
  const platform = spec.platform && planPlatform(spec.platform, platformSite(spec, spec.platform.profile, nodes));
  const site = {
    name: spec.name,
    domain: spec.domain,
    provider: spec.provider,
    ...planProvider(spec),
    network,
    endpoint,
    pools: planPools(spec, nodes, endpoint),
    talos: {
      version,
      configContract: spec.talos.configContract,
      ...planImage(spec),
      factory: spec.talos.factory,
      ...(spec.talos.mirrors !== undefined && { mirrors: spec.talos.mirrors }),
      ...(spec.talos.registries !== undefined && { registries: spec.talos.registries }),
      secureBoot: spec.talos.secureBoot,
      extensions: spec.talos.extensions,
      onDestroy: spec.talos.onDestroy,
      allow: spec.talos.allow,
    },
    kubernetes: { ...spec.kubernetes, version: normaliseVersion(spec.kubernetes.version) ?? spec.kubernetes.version },
    ...(spec.backup !== undefined && { backup: spec.backup }),
    ...(platform !== undefined && { platform }),
    ...(spec.maintenance !== undefined && { maintenance: spec.maintenance }),
    upgrade: planUpgrade(spec.upgrade, { ...spec.talos, platform: kind }),
    ...(spec.licence !== undefined && { licence: spec.licence }),
    ...(spec.telemetry !== undefined && { telemetry: spec.telemetry }),
    nodes,
  };
  return {
    ...site,
    warnings: [
      ...(platform?.services ?? []).flatMap((service) => service.warnings ?? []),
      ...warnings(nodes),
      ...podWarnings(site),
      ...keyWarnings(nodes),
      ...gpuWarnings(nodes, platform),
      ...closedWarnings(site),
    ],
  };
}

function platformSite(spec: SiteSpec, profile: PlatformSite["profile"], nodes: readonly NodePlan[]): PlatformSite {
  const { kubernetes, network, name, domain, backup } = spec;
  return {
    profile,
    name,
    domain,
    backup: backup !== undefined,
    cni: kubernetes.cni,
    ...machineFacts(
      nodes.map(({ key, hostname, type }) => ({ key, hostname, controlPlane: type === "controlplane" })),
      kubernetes.scheduleOnControlPlanes,
    ),
    ipv6: network.cidr.includes(":"),
    gpu: nodes.some(({ gpus = 0 }) => gpus > 0),
  };
}

/** What the site file says about machines at its provider. */
function planProvider({ provider, latitude, proxmox, hetzner, vultr }: SiteSpec): { readonly machines?: ProviderPlan } {
  const parts = { latitude, proxmox, hetzner, vultr };
  const part = Object.entries(parts).find(([name]) => name === provider);
  return part?.[1] === undefined ? {} : { machines: Object.fromEntries([part]) };
}

function planAddress(address: AddressSpec, owner: string, purpose: string): AddressPlan {
  if (typeof address === "string") return { literal: address };
  return {
    claim: { pool: address.pool, owner, purpose, ...(address.address !== undefined && { address: address.address }) },
  };
}

function planNode(key: string, machine: MachineSpec, { provider, proxmox, talos }: SiteSpec): NodePlan {
  const {
    role,
    hostname,
    address,
    vm,
    // Virtual machines fall with their host.
    failureDomain = provider === "proxmox" ? (vm?.host ?? proxmox?.host) : undefined,
    generation,
    adopted,
    gpus,
    tpm: _,
    boot: __,
    hardware: ___,
    allowHardware: ____,
    mac = "",
    size,
    rescue,
    encryption = talos.encryption,
    ...rest
  } = machine;
  return {
    ...rest,
    key,
    type: role,
    mac,
    hostname: hostname ?? key,
    address: planAddress(address, key, "node"),
    ...(failureDomain !== undefined && { failureDomain }),
    ...(generation !== undefined && { generation }),
    ...(adopted === true && { adopted }),
    ...(size !== undefined && { size }),
    ...(vm !== undefined && { vm }),
    ...(rescue !== undefined && { rescue }),
    ...(gpus !== undefined && { gpus }),
    ...(encryption !== undefined && Object.keys(encryption).length > 0 && { encryption }),
  };
}

function byRoleAndKey(a: NodePlan, b: NodePlan): number {
  if (a.type !== b.type) return a.type === "controlplane" ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}

function planEndpoint(vip: AddressSpec | undefined, nodes: readonly NodePlan[]): SitePlan["endpoint"] {
  if (vip !== undefined) return { address: planAddress(vip, "network.vip", "vip"), vip: true, port: API_PORT };
  const only = nodes[0];
  if (only === undefined) throw new Error("unreachable: a checked site has a control plane");
  return { address: only.address, vip: false, port: API_PORT };
}

function warnings(nodes: readonly NodePlan[]): string[] {
  const controlPlanes = nodes.filter((node) => node.type === "controlplane");
  if (controlPlanes.length === 1) {
    return [
      `one control plane (${controlPlanes[0]?.key}): the Kubernetes API is away while it restarts, and its disk holds the only copy of etcd`,
    ];
  }
  return domainWarnings(controlPlanes.map((node) => node.failureDomain ?? node.key));
}

/** What the failure domains of the control planes, one for each, mean for etcd. */
export function domainWarnings(ofPlanes: readonly string[]): string[] {
  const domains = new Set(ofPlanes);
  if (domains.size === ofPlanes.length || domains.size >= 3) return [];
  return [
    `the control planes stand in ${domains.size} failure domain${domains.size === 1 ? "" : "s"}: losing one loses etcd's quorum`,
  ];
}

/** Pods need a network, and a node that takes them. */
function podWarnings({ kubernetes, platform, nodes }: Pick<SitePlan, "kubernetes" | "platform" | "nodes">): string[] {
  const network =
    kubernetes.cni === "none" && platform === undefined
      ? [
          "kubernetes.cni is none and no platform brings a network: the nodes stay NotReady and no pod starts until somebody installs one; a platform section brings Cilium, cni: flannel Talos' own",
        ]
      : [];
  const { scheduleOnControlPlanes: everywhere } = kubernetes;
  const open = nodes.filter(({ type }) => everywhere || type === "worker");
  if (open.some(({ taints }) => taints.every(({ effect }) => effect === "PreferNoSchedule"))) return network;
  const why = [
    ...(everywhere ? [] : ["control planes take none"]),
    ...open.map(({ key }) => `${key} has a taint`),
  ].join(", ");
  const way = everywhere ? "" : ", or write kubernetes.scheduleOnControlPlanes: true";
  return [...network, `no machine takes ordinary pods (${why}): add a worker without a taint${way}`];
}

/** A driver alone gives no pod a GPU. */
function gpuWarnings(nodes: readonly NodePlan[], platform: PlatformPlan | undefined): string[] {
  const keys = nodes.filter(({ gpus = 0 }) => gpus > 0).map(({ key }) => key);
  if (keys.length === 0 || platform !== undefined) return [];
  return [`${keys.join(", ")}: nothing hands the GPU to pods; a platform section brings NVIDIA's device plugin`];
}

/** A room without a way out, and images that are outside of it. */
function closedWarnings(site: Parameters<typeof unreachedRegistries>[0]): string[] {
  const registries = unreachedRegistries(site);
  if (registries.length === 0) return [];
  return [
    `the machines have no gateway and no name server, so nothing is fetched from ${registries.join(", ")}: talos.mirrors names a registry that they reach, plinth images lists what it has to hold`,
  ];
}

/** What the machines' disk keys ask of a person, each said once. */
function keyWarnings(nodes: readonly NodePlan[]): string[] {
  return [...new Set(nodes.flatMap(({ encryption = {} }) => encryptionWarnings(nodeEncryption(encryption, () => ""))))];
}
