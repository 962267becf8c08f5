import type { PlatformService } from "../../components/kubernetes/service";

/** Kinds that a chart makes itself. */
const KINDS = ["DaemonSet", "Deployment", "StatefulSet", "StorageClass"];
/** What is not a chart's to make: Talos' own, what Longhorn makes of a ConfigMap, and what Bank-Vaults makes of a Vault. */
const OTHERS = ["Deployment kube-system/coredns", "StorageClass longhorn", "StatefulSet vault/vault"];

const named = (kind: string, namespace: string | undefined, name: string) =>
  `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;

/** Objects that the gates of a part look at and that its chart or the part itself has to make, by what is looked for. */
export function gatedObjects({
  entry = {},
  ready = {},
  exit,
}: PlatformService): readonly (readonly [string, string])[] {
  return Object.entries({ ...entry, ...ready, ...exit })
    .filter(([, { kind }]) => KINDS.includes(kind))
    .map(([what, { kind, namespace, name }]) => [what, named(kind, namespace, name)] as const)
    .filter(([, object]) => !OTHERS.includes(object));
}

/** Objects that a part makes beside its chart, written as an inventory writes them. */
export function ownObjects({ first = {}, objects = {} }: PlatformService): readonly string[] {
  return Object.values({ ...first, ...objects }).map(({ kind, metadata: { namespace, name } }) =>
    named(kind, namespace, name),
  );
}
