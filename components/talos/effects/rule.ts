/** What it takes for a change to be real on a node, from harmless to grave. */
export const EFFECTS = ["immediate", "restart", "reboot", "reinstall", "data-loss"] as const;
/**
 * - `immediate`: real at once, nothing stops;
 * - `restart`: a service restarts by itself;
 * - `reboot`: real only after the node has rebooted;
 * - `reinstall`: real only at the next installation or upgrade of Talos;
 * - `data-loss`: real only once data was erased, or it makes data unreadable.
 */
export type Effect = (typeof EFFECTS)[number];

/** What a change below a path does. The rule with the longest path wins. */
export interface EffectRule {
  /** Path without list positions and names, as `cluster.apiServer` or `VolumeConfig.encryption`. */
  readonly path: string;
  readonly effect: Effect;
  /** Service that restarts. */
  readonly service?: string;
  readonly reason: string;
  /** First Talos minor it holds for. @default - every one in the release table */
  readonly since?: string;
  /** First Talos minor it no longer holds for. */
  readonly before?: string;
  /** Only for a value that came, went or changed. @default - any */
  readonly change?: "added" | "removed" | "changed";
  /** Only where the whole document came, went or stayed. @default - any */
  readonly document?: "added" | "removed" | "changed";
}

/** Rules for changes that Talos takes in its stride. */
export function immediate(paths: readonly string[], reason: string, rest: RuleLimits = {}): readonly EffectRule[] {
  return paths.map((path) => ({ path, effect: "immediate", reason, ...rest }));
}

/** Rules for changes that restart a service. */
export function restart(service: string, paths: readonly string[], reason?: string): readonly EffectRule[] {
  return paths.map((path) => ({ path, effect: "restart", service, reason: reason ?? `${service} restarts with it` }));
}

/** Rules for changes that take more than a restart. */
export function needs(
  effect: Effect,
  paths: readonly string[],
  reason: string,
  rest: RuleLimits = {},
): readonly EffectRule[] {
  return paths.map((path) => ({ path, effect, reason, ...rest }));
}

/** When a rule holds. */
type RuleLimits = Pick<EffectRule, "since" | "before" | "change" | "document">;

export const APPLIED = "Talos applies it while running";
export const AT_INSTALL = "read only when Talos is installed or upgraded";
export const CREDENTIALS = "containerd reads registry credentials when it starts";
export const ETCD_KEY = "what etcd holds encrypted with the old key can no longer be read";
export const MANIFESTS = "objects that exist are changed by the next Kubernetes upgrade, new ones are made at once";
export const NETWORK =
  "kube-apiserver and kube-controller-manager restart; pods and services keep the addresses they have";
export const RENAMED = "the Node registers anew under the new name, the old Node stays";
export const VARIABLE = "a variable stays set until the node reboots";
export const MODULE = "a loaded module stays until the node reboots";
export const WIPED = "a volume that exists keeps what it was made with; the change is real only on a wiped one";
