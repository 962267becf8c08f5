/** Keeps a cluster from being begun where one runs already: a stack that lost its state would make a second one. */
import { type Problem, ProblemError, refuse } from "../../components/problem";
import { type Draft, known, unknown } from "../draft";
import type { Drivers } from "../drivers";
import { pem } from "../kubernetes/endpoint";
import { propertyPath } from "../resource";
import { type Reach, reachingProbe } from "../talosctl/reach";
import type { Talos } from "../talosctl/talos";
import type { BootstrapInputs } from "./Bootstrap";

const HEADING = "the cluster is not begun, nothing was changed";
const RESTORE = "if the stack's state was lost, bring it back (pulumi stack import)";

/** Where control planes are called, by their own address. */
export function reachOf(reach: BootstrapInputs["reach"] = []): Reach {
  return new Map(reach.map(({ address, at }) => [address, at]));
}

/**
 * Refuses machines that have a configuration made with other secrets than this stack's, or while it has none yet. With
 * new secrets nobody could reach them, and those beside them that wait in maintenance mode would become another cluster.
 */
export async function refuseClaimed(
  drivers: Drivers,
  inputs: Draft<BootstrapInputs>,
  signal: AbortSignal,
): Promise<void> {
  if (inputs === unknown || inputs.controlPlanes === unknown) return;
  // Machines that are still to be made cannot be anybody's.
  const reach = inputs.reach === undefined ? [] : known<NonNullable<BootstrapInputs["reach"]>>(inputs.reach);
  if (reach === undefined) return;
  const probe = reachingProbe(drivers.probe, reachOf(reach));
  const secrets = known<BootstrapInputs["clientConfiguration"]>(inputs.clientConfiguration);
  const ca = secrets && pem(secrets.caCertificate);
  const found = await Promise.all(
    inputs.controlPlanes.map(async (plane, place): Promise<readonly Problem[]> => {
      if (plane === unknown || (await probe(plane, ca, signal)) !== "foreign") return [];
      const reason = `${plane} already runs a configuration, and this stack does not have its secrets`;
      const fix = `${RESTORE}; if the machine is another's, take it out of the site file; if nobody needs what is on it, wipe it (talosctl reset)`;
      return [{ path: propertyPath("controlPlanes", place), reason, fix }];
    }),
  );
  refuse(HEADING, found.flat());
}

/** Refuses to start etcd while a cluster answers at the endpoint that none of the declared control planes is part of. */
export async function refuseSecond(
  { endpoint }: Drivers,
  talos: Talos,
  inputs: BootstrapInputs,
  signal: AbortSignal,
): Promise<void> {
  const { state, said } = await endpoint.look(inputs.endpoint, pem(inputs.kubernetesCa), signal);
  if (state === "away") return;
  if (state === "ready") {
    // It may have come up since the control planes were asked.
    const states = await Promise.all(inputs.controlPlanes.map((node) => talos.etcdState(node, signal)));
    if (states.includes("Running")) return;
  }
  const what = state === "foreign" ? said : "it answers, and none of the declared control planes runs etcd";
  throw new ProblemError(HEADING, [
    {
      path: "endpoint",
      reason: `another cluster runs at ${inputs.endpoint}: ${what}`,
      fix: `${RESTORE}; else give this cluster an address of its own, or end the other one`,
    },
  ]);
}
