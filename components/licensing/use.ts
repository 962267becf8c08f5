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

/** The use of a site that is not there. */
export const NOTHING: Use = { sites: 0, nodes: 0, gpus: 0, features: [] };

/**
 * What a change adds to the use of a site, each in words. A change that adds nothing needs no licence: that is why a
 * destroy, a rollback, a restore, a scale-down, the replacement of a machine and a fix never ask for one. Pure.
 */
export function growth(before: Use, after: Use): readonly string[] {
  return [
    ...COUNTED.flatMap((what) => (after[what] > before[what] ? [`${what}: ${before[what]} → ${after[what]}`] : [])),
    ...after.features.filter((feature) => !before.features.includes(feature)).map((feature) => `${feature}: new`),
  ];
}

/** What every plinth counts that wrote down no list of it. */
export const COUNTED_FIRST: readonly Feature[] = ["multi-node", "high-availability", "netbox", "gpu"];

/**
 * What was covered, with those features of today's use that nobody counted when it was written down: that plinth has
 * learnt to count more is no growth of the site, and its update may be a fix. Pure.
 */
export function recalled(covered: Use, counted: readonly string[], use: Use): Use {
  const unasked = use.features.filter((feature) => !counted.includes(feature));
  return unasked.length === 0 ? covered : together(covered, { ...NOTHING, features: unasked });
}

/** The larger of two uses, each count and feature for itself. Pure. */
export function together(a: Use, b: Use): Use {
  return {
    sites: Math.max(a.sites, b.sites),
    nodes: Math.max(a.nodes, b.nodes),
    gpus: Math.max(a.gpus, b.gpus),
    features: [...new Set([...a.features, ...b.features])].sort(),
  };
}

/** As much of a use as is granted. Pure. */
export function within(use: Use, { limits, features }: Grant): Use {
  const least = (what: (typeof COUNTED)[number]) => Math.min(use[what], limits[what] ?? use[what]);
  return {
    sites: least("sites"),
    nodes: least("nodes"),
    gpus: least("gpus"),
    features: use.features.filter((feature) => features.includes(feature)),
  };
}
