import type { Setting, Step } from "../rule";

/** Whether a step ends a resource, with or without a successor. */
export function ends({ op }: Step): boolean {
  return op === "delete" || op === "replace" || op === "delete-replaced";
}

/** Steps that end a resource, one for each: a replacement is told in several. */
export function endings(steps: readonly Step[]): readonly Step[] {
  const seen = new Map<string, Step>();
  for (const step of steps.filter(ends)) if (!seen.has(step.urn)) seen.set(step.urn, step);
  return [...seen.values()];
}

export function word({ op }: Step): string {
  return op === "delete" ? "deleted" : "replaced";
}

/** Types of resources that are a machine, or its configuration. */
export const MACHINE_TYPES = [
  "talos:machine/configurationApply:ConfigurationApply",
  "hcloud:index/server:Server",
  "vultr:index/instance:Instance",
  "vultr:index/bareMetalServer:BareMetalServer",
  "latitudesh:index/server:Server",
  "plinth:latitude:Server",
  "proxmoxve:VM/virtualMachine:VirtualMachine",
  "proxmoxve:index/virtualMachine:VirtualMachine",
  "proxmoxve:index/vmLegacy:VmLegacy",
];

/** How a control plane is told from a worker where only names are seen. */
export const CONTROL_PLANE_NAMES: Setting = {
  type: "string",
  description: "Regular expression that finds the names of control planes",
  default: "(^|[-_.])(cp|control-?planes?|controllers?|masters?)([-_.]?\\d+)?($|[-_.])",
};

/** How a data-holding type is told. */
export const DATA_TYPES = [
  "kubernetes:core/v1:PersistentVolume",
  "kubernetes:core/v1:PersistentVolumeClaim",
  "plinth:address:Pool",
  "talos:machine/secrets:Secrets",
  "tls:index/privateKey:PrivateKey",
];
