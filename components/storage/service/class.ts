import type { GateCheck } from "../../kubernetes/Gate";

/** A storage class is there: volumes of it can be asked for. */
export function classExists(name: string): GateCheck {
  return { apiVersion: "storage.k8s.io/v1", kind: "StorageClass", name, exists: true };
}

/** The capability is met by the default class alone: a claim that names no class has to find exactly one. */
export function provided(name: string, isDefault: boolean): readonly string[] {
  return isDefault ? ["storage", `storage-class:${name}`] : [`storage-class:${name}`];
}
