import { ProblemError } from "../problem";
import type { MachinesClass, ProviderName, Traits } from "./contract";

const OWN = {
  platform: "metal",
  ordered: false,
  billed: false,
  mac: "site",
  reach: "own",
  sharedAddress: true,
  secureBoot: true,
  asked: false,
  power: "you",
  packages: [],
} as const;

/** Providers, and what holds for their machines. */
export const TRAITS: Readonly<Record<ProviderName, Traits>> = {
  metal: { ...OWN, title: "own machines", architectures: ["amd64", "arm64"], boot: "yours" },
  lab: { ...OWN, title: "the lab", architectures: ["amd64", "arm64"], boot: "simulated" },
  latitude: {
    title: "Latitude.sh",
    platform: "metal",
    architectures: ["amd64"],
    boot: "ipxe",
    ordered: true,
    billed: true,
    mac: "provider",
    reach: "internet",
    sharedAddress: true,
    secureBoot: false,
    asked: true,
    power: "provider",
    packages: [],
  },
  proxmox: {
    ...OWN,
    title: "Proxmox VE",
    platform: "nocloud",
    architectures: ["amd64"],
    boot: "image",
    ordered: true,
    power: "provider",
    packages: ["@muhlba91/pulumi-proxmoxve"],
  },
  hetzner: {
    title: "Hetzner Cloud",
    platform: "hcloud",
    architectures: ["amd64", "arm64"],
    boot: "rescue",
    ordered: true,
    billed: true,
    mac: "provider",
    reach: "internet",
    sharedAddress: false,
    secureBoot: false,
    asked: false,
    power: "provider",
    packages: ["@pulumi/hcloud", "@pulumi/command", "@pulumi/tls"],
  },
  vultr: {
    title: "Vultr",
    platform: "vultr",
    architectures: ["amd64"],
    boot: "ipxe",
    ordered: true,
    billed: true,
    mac: "provider",
    reach: "internet",
    sharedAddress: false,
    secureBoot: false,
    asked: false,
    power: "provider",
    packages: ["@ediri/vultr"],
  },
};

/**
 * The component that makes a provider's machines, or writes to those that wait in a rescue system; `undefined` where they
 * are there already. Its SDK is loaded only here: a site that needs none of them works without any.
 */
export function machinesOf(provider: ProviderName, rescued = false): MachinesClass | undefined {
  try {
    switch (provider) {
      case "metal":
        if (!rescued) return undefined;
        return load<typeof import("./rescue/RescueMachines")>("./rescue/RescueMachines").RescueMachines;
      case "lab":
        return undefined;
      case "latitude":
        return load<typeof import("./latitude/LatitudeMachines")>("./latitude/LatitudeMachines").LatitudeMachines;
      case "proxmox":
        return load<typeof import("./proxmox/ProxmoxMachines")>("./proxmox/ProxmoxMachines").ProxmoxMachines;
      case "hetzner":
        return load<typeof import("./hetzner/HetznerMachines")>("./hetzner/HetznerMachines").HetznerMachines;
      case "vultr":
        return load<typeof import("./vultr/VultrMachines")>("./vultr/VultrMachines").VultrMachines;
    }
  } catch (error) {
    throw missingPackage(provider, error);
  }
}

function load<T>(module: string): T {
  return require(module) as T;
}

/** A package that is not installed is told by name; anything else is a fault of its own. */
function missingPackage(provider: ProviderName, error: unknown): unknown {
  const missing = /Cannot find module '(@[^/']+\/[^/']+|[^./'][^/']*)/.exec((error as Error).message)?.[1];
  if (missing === undefined) return error;
  const where = provider === "metal" ? "in a rescue system" : `at ${TRAITS[provider].title}`;
  return new ProblemError(`Machines ${where} need a package that is not installed:`, [
    { path: "provider", reason: `${provider} needs ${missing}`, fix: `npm install ${missing}` },
  ]);
}
