/** Talos' resources in the real world. */
import type { Drivers } from "../drivers";
import { kubernetes } from "../kubernetes/client";
import { httpEndpoint } from "../kubernetes/endpoint";
import type { AnyResource } from "../resource";
import { talosctl } from "../talosctl/client";
import { probe } from "../talosctl/probe";
import { talosctlVersion } from "../talosctl/run";
import { bootstrap } from "./Bootstrap";
import { clusterRelease } from "./ClusterRelease";

const drivers: Drivers = {
  talos: talosctl,
  probe,
  talosctlVersion,
  kubernetes,
  endpoint: httpEndpoint(),
  // Loaded when a snapshot is asked for: most runs take none.
  snapshots: {
    check: async (question, context) => (await import("../snapshot/preflight.js")).checkStore(question, context),
    take: async (inputs, talos, context) => (await import("../snapshot/take.js")).takeSnapshot(inputs, talos, context),
    earlier: async (inputs, talos, context) =>
      (await import("../snapshot/earlier.js")).earlierSnapshot(inputs, talos, context),
  },
  pollMs: 1000,
};

export const bootstrapResource: AnyResource = bootstrap(drivers);
export const clusterReleaseResource: AnyResource = clusterRelease(drivers);
