import { FEATURES, type Feature, type Limits } from "./tiers";

/** What a site uses of what is licensed. */
export interface Use {
  readonly sites: number;
  readonly nodes: number;
  readonly gpus: number;
  readonly features: readonly Feature[];
}

/** What a licence grants: its tier's and its own, together. */
export interface Grant {
  readonly limits: Limits;
  readonly features: readonly string[];
}

const COUNTED = ["sites", "nodes", "gpus"] as const;

/** What is used beyond what is granted, each in words; empty when all is covered. Pure. */
export function excess(use: Use, { limits, features }: Grant): readonly string[] {
  return [
    ...COUNTED.flatMap((what) => {
      const allowed = limits[what];
      return allowed === undefined || use[what] <= allowed
        ? []
        : [`${use[what]} ${what}, ${use[what] - allowed} more than the ${allowed} of the licence`];
    }),
    ...use.features
      .filter((feature) => !features.includes(feature))
      .map((feature) => `${feature} (${FEATURES[feature]}), which the licence does not cover`),
  ];
}

/**
 * What a change adds to the use of a site, each in words. A change that adds nothing needs no licence: that is why a
 * destroy, a rollback, a restore, a scale-down, the replacement of a machine and a fix never ask for one. Pure.
 */
export function growth(before: Use | undefined, after: Use): readonly string[] {
  const known: Use = before ?? { sites: 0, nodes: 0, gpus: 0, features: [] };
  return [
    ...COUNTED.flatMap((what) => (after[what] > known[what] ? [`${what}: ${known[what]} → ${after[what]}`] : [])),
    ...after.features.filter((feature) => !known.features.includes(feature)).map((feature) => `${feature}: new`),
  ];
}
