/**
 * One node as plinth thinks of it, apart from how any Talos release writes it down. `render.ts` turns it into the
 * older form (v1alpha1 fields) or the newer one (documents) by configuration contract.
 *
 * What belongs to the whole cluster (secrets, endpoint, versions) is in the role's base configuration, not here.
 */
export interface NodeModel {
  /** Role, in Talos' words. */
  readonly type: "controlplane" | "worker";
  /** Hostname, and so the name of the Kubernetes Node. RFC 1123. */
  readonly hostname: string;
  /** Network links that are configured. @default - the machine's own default: DHCP on every link */
  readonly interfaces?: readonly InterfaceModel[];
  /** Shared address of the control planes; only on control planes. @default - none */
  readonly vip?: VipModel;
  /** DNS servers, in order. @default - from DHCP, else Talos' own */
  readonly nameservers?: readonly string[];
  /** DNS search domains, in order. @default - from DHCP */
  readonly searchDomains?: readonly string[];
  /** Time servers. @default - Talos' own */
  readonly ntp?: readonly string[];
  /** Where and what to install. @default - what the base configuration says */
  readonly install?: InstallModel;
  /** Additional names and addresses in the certificate of the Talos API. @default - none */
  readonly certSANs?: readonly string[];
  /** kube-apiserver; only on control planes. @default - Talos' own */
  readonly apiServer?: {
    /** Additional command line flags, without the dashes. */
    readonly extraArgs?: Readonly<Record<string, string>>;
    /** Additional names and addresses in the certificate of the Kubernetes API. */
    readonly certSANs?: readonly string[];
  };
  /** Networks etcd's own address is chosen from; only on control planes. @default - any of the machine's addresses */
  readonly etcdSubnets?: readonly string[];
  /** kubelet. @default - Talos' own */
  readonly kubelet?: {
    /** Additional command line flags, without the dashes. */
    readonly extraArgs?: Readonly<Record<string, string>>;
    /** Networks to choose the node's address from; `!` in front excludes. Keeps a VIP from becoming the node address. */
    readonly nodeSubnets?: readonly string[];
  };
  /** Labels of the Kubernetes Node. @default - none */
  readonly labels?: Readonly<Record<string, string>>;
  /** Annotations of the Kubernetes Node. @default - none */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Taints of the Kubernetes Node: key to `value:Effect` or `:Effect`. @default - none */
  readonly taints?: Readonly<Record<string, string>>;
  /** Environment of Talos' services, as `HTTPS_PROXY`. @default - none */
  readonly environment?: Readonly<Record<string, string>>;
  /** Pod networks of the cluster, same on every node. @default - of the base configuration */
  readonly podSubnets?: readonly string[];
  /** Service networks of the cluster, same on every node. @default - of the base configuration */
  readonly serviceSubnets?: readonly string[];
  /** `none` when a CNI is installed by other means. @default "flannel" */
  readonly cni?: "flannel" | "none";
  /** Whether Talos runs kube-proxy. @default true */
  readonly kubeProxy?: boolean;
  /** Whether ordinary pods may run on control planes. @default false */
  readonly allowSchedulingOnControlPlanes?: boolean;
  /** Kernel parameters, as `net.ipv4.ip_forward`. @default - none */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Kernel modules that are loaded beside those Talos loads by itself. @default - none */
  readonly kernelModules?: readonly string[];
  /** Folders below /var/mnt, by name, that volumes of pods may lie in; the kubelet sees them. @default - none */
  readonly directories?: readonly string[];
  /** Where the images of a registry are fetched instead, by registry; `*` stands for every other one. @default - nowhere */
  readonly mirrors?: Readonly<Record<string, MirrorModel>>;
  /** PEM of the authorities that registries and mirrors show certificates of, by host and port. @default - public ones */
  readonly authorities?: Readonly<Record<string, string>>;
  /** Disk encryption of the system volumes. @default - not encrypted */
  readonly encryption?: { readonly state?: VolumeKeys; readonly ephemeral?: VolumeKeys };
}

/** One network link. */
export interface InterfaceModel {
  /** Name of the link (`eth0`), or with `mac` the name it is given by plinth (`net0`). */
  readonly name: string;
  /** Permanent hardware address that finds the link. @default - found by its name */
  readonly mac?: string;
  /** Static addresses with prefix length, as `10.0.0.11/24`. @default - none */
  readonly addresses?: readonly string[];
  /** Default gateway. @default - none, or from DHCP */
  readonly gateway?: string;
  /** Further routes. @default - none */
  readonly routes?: readonly { readonly destination: string; readonly gateway: string }[];
  /** Whether addresses come by DHCP. @default false */
  readonly dhcp?: boolean;
  /** Largest packet in bytes. @default - the link's own */
  readonly mtu?: number;
  /** VLANs on this link. @default - none */
  readonly vlans?: readonly VlanModel[];
}

/** A tagged network on a link. Its own link is called `<link>.<id>`. */
export interface VlanModel extends Pick<InterfaceModel, "addresses" | "gateway" | "routes" | "dhcp" | "mtu"> {
  /** 1 to 4094. */
  readonly id: number;
}

/** The shared address of the control planes. Works only while etcd does. */
export interface VipModel {
  readonly address: string;
  /** Name of the interface, or of a VLAN on one (`net0.20`), that carries it. */
  readonly link: string;
}

/** Mirrors of one registry. */
export interface MirrorModel {
  /** URLs, in the order they are asked. */
  readonly endpoints: readonly string[];
  /** Whether the paths of the URLs are the whole way to the images: `/v2` is not added. @default false */
  readonly overridePath?: boolean;
  /** Whether the registry itself is never asked. @default false: it is, after the last mirror */
  readonly skipFallback?: boolean;
}

/** What the machine installs, and onto which disk. Changing any of it does nothing to an installed machine. */
export interface InstallModel {
  readonly disk: DiskModel;
  /** Installer image with a tag; with a digest too where the site is closed. @default - of the base configuration */
  readonly image?: string;
  /** Kernel arguments of the boot loader. Only with contract v1.11: later ones boot an image that holds them. */
  readonly extraKernelArgs?: readonly string[];
}

/** What singles out one disk; every part that is given must match. `*` stands for any text. */
export interface DiskModel {
  /** Device path, as `/dev/sda`; alone or not at all. Device names move: prefer `wwid` or `serial`. */
  readonly path?: string;
  readonly wwid?: string;
  readonly serial?: string;
  readonly model?: string;
  /** Path on the bus, as `/pci0000:00/0000:00:17.0/ata1/*`. */
  readonly busPath?: string;
  /** Kind of disk. */
  readonly type?: "ssd" | "hdd" | "nvme" | "sd";
  /** Size with a comparison, as `>= 100GB`; without one exactly that size. */
  readonly size?: string;
}

/** Ways to unlock a volume; at least two, so that one that breaks (a firmware update, a lost server) does not lose it. */
export type VolumeKeys = readonly VolumeKey[];

/** One way to unlock a volume. */
export type VolumeKey =
  /** By the TPM, sealed to the given PCRs. @default - PCR 7, the state of Secure Boot */
  | { readonly kind: "tpm"; readonly pcrs?: readonly number[]; readonly lockToState?: boolean }
  /** By a key made of the machine's UUID: against a lost disk, not against a lost machine. */
  | { readonly kind: "nodeId"; readonly lockToState?: boolean }
  /** By a key management server. */
  | { readonly kind: "kms"; readonly endpoint: string; readonly lockToState?: boolean }
  /** By a passphrase that stands in the machine configuration (secret). Not for STATE, which holds that configuration. */
  | { readonly kind: "static"; readonly passphrase: string; readonly lockToState?: boolean };
