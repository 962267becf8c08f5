/** `plinth:talos:ClusterRelease`: the one owner of what runs on a cluster's machines. */
import type { Maintenance } from "../../components/maintenance/spec";
import { mayStart } from "../../components/maintenance/window";
import { refuse } from "../../components/problem";
import type { ClusterReleaseInputs, ClusterReleaseOutputs } from "../../components/talos/ClusterRelease";
import { type Draft, known, unknown } from "../draft";
import type { Drivers } from "../drivers";
import type { Resource } from "../resource";
import { endedProblems, endingSoon } from "./certificates";
import { releaseProblems, toolProblems } from "./check";
import { refusedChanges, releaseChanges } from "./diff";
import { releaseInputs, releaseOutputs } from "./inputs";

type Release = Resource<ClusterReleaseInputs, ClusterReleaseOutputs>;

const NOTHING: ClusterReleaseOutputs = { running: {}, phase: "partial", journal: [], upgrades: [] };

/** Loaded when something is done: every preview waits for the plugin, and most change nothing. */
const change = () => import("./converge.js");

export function clusterRelease(drivers: Drivers): Release {
  return {
    type: "plinth:talos:ClusterRelease",
    inputs: releaseInputs,
    outputs: releaseOutputs,
    secrets: ["clientConfiguration", "kubeconfig", "configuration", "secretPatches"],
    // Hundreds of nodes, one after the other, each with its own time-outs.
    limits: { create: 86_400, read: 3600, update: 86_400, delete: 86_400 },

    async check(inputs, { signal, log }, accepted) {
      // Asked first: the tool answers while hundreds of patches are read.
      const talosctl = drivers.talosctlVersion(signal);
      for (const line of endingSoon(inputs)) log.warn(line);
      return [
        ...endedProblems(inputs),
        ...releaseProblems(inputs, accepted?.()),
        ...toolProblems(inputs, await talosctl),
      ];
    },
    async diff(prior, inputs, context) {
      const changes = releaseChanges(prior, inputs);
      if (changes.length === 0) return changes;
      const { previewChange } = await import("./preview.js");
      const { lines, problems } = previewChange(prior, inputs);
      for (const line of [...lines, ...windowLines(inputs)]) context.log.info(line);
      refuse("this change of the cluster is refused", [...refusedChanges(prior, inputs), ...problems]);
      return changes;
    },
    preview: () => ({}),
    async create(inputs, context) {
      const { converge } = await change();
      return { id: inputs.clusterName, ...(await converge(drivers, inputs, NOTHING, context)) };
    },
    async update(_id, prior, inputs, context) {
      const { converge } = await change();
      return converge(drivers, inputs, prior.outputs, context, prior.inputs);
    },
    async read(_id, prior, context) {
      if (prior === undefined) {
        throw new Error("a cluster cannot be imported by its name alone: declare it, and it is adopted as it runs");
      }
      const [{ Cluster }, { observe }] = await Promise.all([import("./cluster.js"), import("./observe.js")]);
      return observe(new Cluster(prior.inputs, context, drivers), prior);
    },
    async delete(_id, prior, context) {
      if (prior.inputs.onDestroy !== "reset") return;
      const { wipe } = await change();
      await wipe(drivers, prior.inputs, context);
    },
  };
}

/** When the change could be made, if not now. */
function windowLines(inputs: Draft<ClusterReleaseInputs>): readonly string[] {
  const maintenance = inputs === unknown ? undefined : known<Maintenance | undefined>(inputs.maintenance);
  const permission = mayStart("apply", new Date(), maintenance?.windows ?? []);
  return permission.allowed ? [] : [`no node is changed now: ${permission.reason}`];
}
