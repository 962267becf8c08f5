import type { Problem } from "../problem";
import { type Difference, diffDocuments, formatPath, MAIN } from "./config/diff";
import { type ConfigDocument, parseDocuments, valueAt } from "./config/yaml";
import { DOCUMENT_EFFECTS } from "./effects/documents";
import { FIELD_EFFECTS, IMMEDIATE_FIELDS } from "./effects/fields";
import { shutVolumes } from "./effects/keys";
import { EFFECTS, type Effect, type EffectRule } from "./effects/rule";
import { type TalosRelease, talosRelease } from "./releases";
import { compareMinors } from "./version";

/** One changed path of a machine configuration and what it does. Values are never listed. */
export interface Impact {
  /** `machine.network.hostname`, `LinkConfig/net0.mtu`, `machine.sysctls["net.ipv4.ip_forward"]`. */
  readonly path: string;
  readonly change: "added" | "removed" | "changed";
  /** What it takes for the change to be real. */
  readonly effect: Effect;
  /** Service that restarts, with effect `restart`. */
  readonly service?: string;
  /** Whether this Talos reboots the node by itself when the change is applied in mode `auto`. */
  readonly reboots: boolean;
  readonly reason: string;
}

/**
 * Every path in which two machine configurations differ, with what the change does on a node that runs that Talos.
 * What plinth has no rule for counts as a reboot: a wrong guess there costs a reboot, the other way round a surprise.
 *
 * @throws ProblemError when a configuration cannot be read or the Talos version is not in the release table.
 */
export function configImpact(before: string, after: string, talos: string): readonly Impact[] {
  return documentsImpact(parseDocuments(before), parseDocuments(after), talos);
}

/** {@link configImpact} of texts that have been read. */
export function documentsImpact(
  before: readonly ConfigDocument[],
  after: readonly ConfigDocument[],
  talos: string,
): readonly Impact[] {
  const release = talosRelease(talos);
  // Talos compares the list of features only where both configurations have one.
  const features = [before, after].every((documents) =>
    documents.some((document) => valueAt(document, "machine.features") !== undefined),
  );
  const impacts = diffDocuments(before, after).map((difference) => impactOf(difference, release, features));
  // Key kinds without settings are empty maps, which a comparison takes for absent ones.
  const shut = shutVolumes(before, after).map(
    (volume): Impact => ({ ...volume, change: "changed", effect: "data-loss", reboots: false }),
  );
  return [...impacts.filter(({ path }) => !shut.some((volume) => isBelow(path, volume.path))), ...shut];
}

/** An impact in one line: `machine.kubelet.extraArgs changed: restarts kubelet (kubelet restarts with it)`. */
export function formatImpact(impact: Impact): string {
  return `${impact.path} ${impact.change}: ${consequence(impact)} (${impact.reason})`;
}

function consequence({ effect, service, reboots }: Impact): string {
  switch (effect) {
    case "immediate":
      return "in effect at once";
    case "restart":
      return `restarts ${service ?? "a service"}`;
    case "reboot":
      return reboots ? "reboots the node" : "in effect after a reboot";
    case "reinstall":
      return "in effect at the next installation";
    case "data-loss":
      return "LOSES DATA";
  }
}

/** The gravest effect of a list; `immediate` when nothing changed. */
export function worstEffect(impacts: readonly Impact[]): Effect {
  return impacts.reduce<Effect>((worst, { effect }) => (rank(effect) > rank(worst) ? effect : worst), "immediate");
}

/** What a change would do to a node, for {@link impactProblems}. */
export interface NodeImpact {
  readonly type: "controlplane" | "worker";
  readonly impacts: readonly Impact[];
}

/**
 * Changes that are not made unasked: those that lose data, on any node, and those that reboot more than one control plane.
 *
 * @param nodes - by inventory key
 * @param allowed - paths that the site file allows by name, each with everything below it
 */
export function impactProblems(
  nodes: Readonly<Record<string, NodeImpact>>,
  allowed: readonly string[],
): readonly Problem[] {
  const open = Object.entries(nodes).flatMap(([key, node]) =>
    node.impacts
      .filter((impact) => !allowed.some((path) => isBelow(impact.path, path)))
      .map((impact) => ({ key, node, impact })),
  );
  const losing = open.filter(({ impact }) => impact.effect === "data-loss");
  const rebooting = open.filter(({ node, impact }) => node.type === "controlplane" && needsReboot(impact));
  const controlPlanes = new Set(rebooting.map(({ key }) => key));
  return [
    ...losing.map(({ key, impact }) => ({
      path: `nodes[${JSON.stringify(key)}].configuration.${impact.path}`,
      reason: `the change loses data: ${impact.reason}`,
      fix: `take it back, or allow ${impact.path} by name (talos.allow) for this one update`,
    })),
    ...(controlPlanes.size > 1
      ? rebooting.map(({ key, impact }) => ({
          path: `nodes[${JSON.stringify(key)}].configuration.${impact.path}`,
          reason: `the change reboots ${controlPlanes.size} control planes: ${impact.reason}`,
          fix: `change one control plane at a time, or allow ${impact.path} by name (talos.allow) for this one update`,
        }))
      : []),
  ];
}

/** Whether the node has to reboot for it, by itself or by the executor. */
export function needsReboot(impact: Impact): boolean {
  return impact.reboots || impact.effect === "reboot";
}

function impactOf(difference: Difference, release: TalosRelease, features: boolean): Impact {
  const path = formatPath(difference);
  const rule = ruleFor(difference, release);
  const reboots = release.reportsReboot && difference.kind === MAIN && !isImmediate(difference, features);
  const effect = rule?.effect ?? "reboot";
  const base = { path, change: difference.change, reboots };
  if (reboots && rank(effect) < rank("reboot")) {
    return { ...base, effect: "reboot", reason: `Talos ${release.minor} reboots for every change of this field` };
  }
  const reason = rule?.reason ?? `plinth has no rule for it under Talos ${release.minor} and takes it for a reboot`;
  return { ...base, effect, reason, ...(rule?.service === undefined ? {} : { service: rule.service }) };
}

function isImmediate(difference: Difference, features: boolean): boolean {
  const field = plain(difference);
  if (field.startsWith("machine.features.") && !features) return false;
  return IMMEDIATE_FIELDS.some((prefix) => isBelow(field, prefix));
}

/** The rule with the longest path; of two for the same path the one that names the change or the document's fate. */
function ruleFor(difference: Difference, release: TalosRelease): EffectRule | undefined {
  const field = plain(difference);
  const rules = difference.kind === MAIN ? FIELD_EFFECTS : DOCUMENT_EFFECTS;
  const fitting = rules.filter(
    (rule) =>
      isBelow(field, rule.path) &&
      (rule.change === undefined || rule.change === difference.change) &&
      (rule.document === undefined || rule.document === difference.document) &&
      (rule.since === undefined || compareMinors(release.minor, rule.since) >= 0) &&
      (rule.before === undefined || compareMinors(release.minor, rule.before) < 0),
  );
  return fitting.reduce<EffectRule | undefined>((best, rule) => {
    if (best === undefined || rule.path.length > best.path.length) return rule;
    const narrower = rule.change !== undefined || rule.document !== undefined;
    return rule.path.length === best.path.length && narrower ? rule : best;
  }, undefined);
}

/** Kind and keys without names and list positions: what rules are written for. */
function plain({ kind, keys }: Difference): string {
  return [...(kind === MAIN ? [] : [kind]), ...keys.filter((key) => !key.startsWith("["))].join(".");
}

function isBelow(path: string, prefix: string): boolean {
  return path === prefix || [".", "[", "/"].some((separator) => path.startsWith(prefix + separator));
}

function rank(effect: Effect): number {
  return EFFECTS.indexOf(effect);
}
