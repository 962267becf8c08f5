import type { ConfigDocument } from "../talos/config/yaml";
import { valueAt } from "../talos/config/yaml";

/** One running machine as its own API tells of it. What it does not tell is absent. */
export interface MachineFacts {
  /** Address it was asked at. */
  readonly address: string;
  readonly configuration: readonly ConfigDocument[];
  /** Talos version that runs, as `v1.13.0`. */
  readonly talos: string;
  /** Image Factory schematic of the running image. */
  readonly schematic?: string;
  /** Name of its Kubernetes Node. */
  readonly hostname: string;
  /** Ethernet address of the link that holds the address. */
  readonly mac?: string;
  /** Length of the address' network prefix. */
  readonly prefixLength?: number;
  readonly gateway?: string;
  /** World-wide id or serial number of the disk Talos runs from. */
  readonly disk?: { readonly wwid: string } | { readonly serial: string };
  readonly arch?: "amd64" | "arm64";
}

/** The v1alpha1 document. */
export function mainOf({ configuration }: MachineFacts): ConfigDocument {
  return configuration.find(({ kind }) => kind === undefined) ?? {};
}

/** A value of the main document, or of the document that has taken its place. */
export function settingOf(facts: MachineFacts, field: string, kind?: string, path?: string): unknown {
  const document = kind === undefined ? undefined : facts.configuration.find((each) => each.kind === kind);
  const value = document === undefined || path === undefined ? undefined : valueAt(document, path);
  return value ?? valueAt(mainOf(facts), field);
}

export function isControlPlane(facts: MachineFacts): boolean {
  return settingOf(facts, "machine.type") !== "worker";
}
