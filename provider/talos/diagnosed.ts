/** Names of what can go wrong on the way to another version. */
export type Diagnosis =
  | "no-answer"
  | "lost-configuration"
  | "foreign-certificate"
  | "denied"
  | "never-rebooted"
  | "installed-not-rebooted"
  | "reverted"
  | "wrong-image"
  | "wrong-schematic"
  | "etcd-down"
  | "ghost-member"
  | "member-replaced"
  | "api-down"
  | "not-registered"
  | "ghost-node"
  | "old-report"
  | "not-ready"
  | "service-down"
  | "drain-blocked";

/** A failure with a name. */
export class Diagnosed extends Error {
  readonly diagnosis: Diagnosis;

  constructor({ diagnosis, what, todo }: { diagnosis: Diagnosis; what: string; todo: string }) {
    super(`${diagnosis}: ${what} (${todo})`);
    this.name = "Diagnosed";
    this.diagnosis = diagnosis;
  }
}
