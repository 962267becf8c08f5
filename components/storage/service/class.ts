import type { GateCheck } from "../../kubernetes/Gate";

/** A storage class is there: volumes of it can be asked for. */
export function classExists(name: string): GateCheck {
  return { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", name, exists: true };
}

/** Topologies of a class whose volumes lie in a folder that only these machines have, by host name. */
export function onMachines(nodes: readonly string[]) {
  return [{ matchLabelExpressions: [{ key: "kubernetes.io/hostname", values: [...nodes].sort() }] }];
}

/** What to know of a service whose volumes lie in a folder of one machine. */
export function lostWithMachine(service: string): string {
  return `${service}: a volume lies on one machine's system disk and is lost with it`;
}

/** What a part needs whose claims name this class, or none. */
export function neededClass(name: string | undefined): string {
  return name === undefined ? "storage" : `storage-class:${name}`;
}

/** The capability is met by the default class alone: a claim that names no class has to find exactly one. */
export function provided(name: string, isDefault: boolean): readonly string[] {
  return isDefault ? ["storage", `storage-class:${name}`] : [`storage-class:${name}`];
}
