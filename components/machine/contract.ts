import type * as pulumi from "@pulumi/pulumi";
import type { Arch } from "../boot/assets";
import type { NodePlan, SitePlan } from "../site/plan";

/** What a machine must offer, whoever stands it up; what differs between providers is data here, code in their folders. */

/** Names of the providers, as the site file writes them. */
export const PROVIDERS = ["metal", "lab", "latitude", "proxmox", "hetzner", "vultr"] as const;
export type ProviderName = (typeof PROVIDERS)[number];

/** What holds for every machine of a provider. */
export interface Traits {
  /** Name for people. */
  readonly title: string;
  /** Talos platform of its images, which is how Talos finds its network before it has a configuration. */
  readonly platform: "metal" | "nocloud" | "hcloud" | "vultr";
  readonly architectures: readonly Arch[];
  /**
   * How the first Talos comes onto a machine: `yours` (boot server, ISO, by hand), `simulated`, `image` (a disk image the
   * machine is made with), `rescue` (written from a rescue system over SSH), `ipxe` (booted once over the network).
   */
  readonly boot: "yours" | "simulated" | "image" | "rescue" | "ipxe";
  /** Whether an update makes the machine, and a destroy gives it back. */
  readonly ordered: boolean;
  /** Whether somebody asks for money while it exists. */
  readonly billed: boolean;
  /** Who says the Ethernet address of the link in the site's network: the site file, or the provider once it is there. */
  readonly mac: "site" | "provider";
  /** Where machines are called: at their own address in the site's network, or at one on the Internet. */
  readonly reach: "own" | "internet";
  /** Whether control planes can share `network.vip`, which is announced by ARP. */
  readonly sharedAddress: boolean;
  /** Whether the first Talos of a machine can be the signed one: what comes after it is then signed as well. */
  readonly secureBoot: boolean;
  /** Whether previews ask what can be had, and at what price; where not, the vendor refuses an order itself. */
  readonly asked: boolean;
  /** Who switches a machine on. */
  readonly power: "you" | "provider";
  /** npm packages with the provider's Pulumi resources, installed by those who use it. */
  readonly packages: readonly string[];
}

/** One machine that shall exist. */
export interface WantedMachine {
  readonly node: NodePlan;
  /** Its address in the site's network. */
  readonly address: pulumi.Input<string>;
}

/** Inputs of every provider's component. */
export interface MachinesArgs {
  readonly plan: SitePlan;
  readonly machines: readonly WantedMachine[];
  /** Secrets of the stack that the machines name, by their names. @default - they name none */
  readonly secrets?: Readonly<Record<string, pulumi.Output<string>>>;
}

/** A link of a machine, found by its Ethernet address or, where nobody tells that, by its name. */
export interface Link {
  readonly mac?: string;
  readonly name?: string;
  /** Whether the network itself hands the machine its address. @default false: plinth configures it */
  readonly dhcp?: boolean;
  /** VLAN id on it. @default - untagged */
  readonly vlan?: number;
}

/** Links of a machine, once it is there. */
export interface MachineLinks {
  /** Link in the site's network; carries the machine's address, and the VIP. */
  readonly site: Link;
  /** Link to the Internet where that is another one. Without an address it gets one by DHCP. */
  readonly internet?: Link & {
    /** With its prefix length, as `198.51.100.11/25`. */
    readonly address?: string;
    readonly gateway?: string;
  };
}

/** What a provider tells of a machine. */
export interface ProvidedMachine {
  /** Address it is called at. @default - its own in the site's network */
  readonly reach?: pulumi.Output<string>;
  /** @default - one link, found by the site file's `mac` */
  readonly links?: pulumi.Output<MachineLinks>;
  /** Where it stands, as a rack: machines of one domain may fail together. @default - not told */
  readonly failureDomain?: pulumi.Output<string>;
  /** What has to be there before it is configured. */
  readonly ready: readonly pulumi.Resource[];
}

/**
 * The machines of a site at one provider.
 *
 * The law of every implementation: a new image, version or extension never replaces a machine. What is used only when a
 * machine is made is ignored from then on.
 */
export interface Machines {
  /** By inventory key. */
  readonly machines: ReadonlyMap<string, ProvidedMachine>;
  /** Address of a load balancer in front of the control planes' Kubernetes API. @default - there is none */
  readonly endpoint?: pulumi.Output<string>;
}

/** Class of such a component. */
export type MachinesClass = new (name: string, args: MachinesArgs, opts?: pulumi.ComponentResourceOptions) => Machines;
