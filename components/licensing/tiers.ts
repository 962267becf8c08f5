/**
 * What is sold, as data. A tier is a set of features and limits; a licence may add features and set limits of its own.
 * Nothing that keeps a site safe is a feature: encryption, backups, upgrades and fixes belong to every tier.
 */

/** What a site can use that a licence has to cover, each with what it means. */
export const FEATURES = {
  "multi-node": "more than one machine",
  "high-availability": "three or more control planes",
  netbox: "addresses that NetBox keeps",
  gpu: "machines with GPUs",
  "platform-services": "services that plinth installs into the cluster",
  "rented-machines": "machines that plinth rents from a provider",
} as const satisfies Readonly<Record<string, string>>;

/** A feature that this version of plinth knows. */
export type Feature = keyof typeof FEATURES;

/** How much of each a site or a customer may use; `undefined` is no limit. */
export interface Limits {
  /** Sites of the customer: what was sold, which nobody can count offline. Devices bind a licence to a site. */
  readonly sites?: number;
  /** Machines of a site. */
  readonly nodes?: number;
  /** GPUs of a site. */
  readonly gpus?: number;
}

/** Features and limits of a licence that says nothing else. */
export interface Tier {
  readonly features: readonly Feature[];
  readonly limits: Limits;
}

export const TIERS = {
  /** One machine in a corner of an office. */
  appliance: { features: ["platform-services"], limits: { sites: 1, nodes: 1, gpus: 0 } },
  /** A cluster of one's own machines. */
  platform: { features: ["multi-node", "high-availability", "platform-services"], limits: { sites: 1, gpus: 0 } },
  /** Several sites, with an inventory and GPUs. */
  enterprise: { features: ["multi-node", "high-availability", "platform-services", "netbox", "gpu"], limits: {} },
  /** As enterprise, and plinth rents the machines as well. */
  "business-infra": {
    features: ["multi-node", "high-availability", "platform-services", "netbox", "gpu", "rented-machines"],
    limits: {},
  },
} as const satisfies Readonly<Record<string, Tier>>;

/** A tier that this version of plinth knows. */
export type TierName = keyof typeof TIERS;

/** The tier of that name, if this version of plinth knows it. */
export function tier(name: string): Tier | undefined {
  return Object.hasOwn(TIERS, name) ? TIERS[name as TierName] : undefined;
}
