/**
 * Which machine boots what, and how often: the rules of the boot server, as pure functions over a record of the
 * machine and the clock.
 *
 * Everybody boots from disk. An installation is a permission for one machine (MAC address and SMBIOS UUID), one
 * generation and a limited time. It is leased when it is first served and ends with a proof that the system runs, or by
 * expiry. While it is out, answers take turns: installer, disk, installer, … An installed machine finds its system at
 * its second boot whether or not anybody could report it, and one that lost power before that gets the installer again.
 * Every installer is told to halt when a system is installed, so no turn of it can destroy one. Only a wipe does, and
 * that ends in the same step in which it is served.
 *
 * After records were lost nobody knows whether an installation was done. A permission that is issued again for it
 * begins with the disk: a system that is there runs, shows itself, and ends the permission before the installer's turn.
 */
import type { Problem } from "../problem";
import type { Arch } from "./assets";

/** What a permission is for. `local`, the disk, needs none. */
export type Action = "install" | "rescue" | "wipe";

/** How a machine's firmware is made to boot from disk: no one way works on all of them. */
export type DiskBoot = "404" | "exit" | "sanboot";

/** What a machine boots over the network. */
export interface BootImage {
  readonly arch: Arch;
  /** URL. */
  readonly kernel: string;
  /** URL. */
  readonly initramfs: string;
  /** Kernel arguments. */
  readonly args: readonly string[];
}

/** What a running system shows: it answers at `address` with a certificate of `ca`. */
export interface Proof {
  readonly address: string;
  /** Talos CA of the cluster, PEM. */
  readonly ca: string;
}

export interface Permission {
  /** Lower-case, colons. */
  readonly mac: string;
  /** SMBIOS UUID, lower-case. */
  readonly uuid: string;
  readonly action: Action;
  /** Counts up: a permission with the number of an earlier one is that earlier one. */
  readonly generation: number;
  readonly image: BootImage;
  readonly diskBoot: DiskBoot;
  /** Milliseconds since 1970. */
  readonly issued: number;
  readonly expires: number;
  readonly proof?: Proof;
  /** SHA-256 in hex of the machine configuration that an installer may fetch once. @default - none is served */
  readonly configuration?: string;
  /**
   * SHA-256 in hex of a token; a machine that shows it gets the configuration without a network boot, and joins.
   * @default - only a network boot leads to it
   */
  readonly enrolment?: string;
  /**
   * Whether an earlier permission of this generation was accepted by a boot server that has lost its records since: the
   * machine may be installed already. @default false
   */
  readonly reissued?: boolean;
}

/** Why a permission ended. */
export type End = "expired" | "proof" | "revoked" | "used";

/** What is known of one machine. Its last permission stays after its end: it holds the generation. */
export interface MachineBoot {
  readonly permission: Permission;
  readonly phase: "ended" | "granted" | "leased";
  /** How often it was answered under this permission. */
  readonly asked: number;
  readonly end?: End;
}

/** What changes a record. Recorded durably before anybody hears of it. */
export type BootEvent =
  | { readonly kind: "granted"; readonly permission: Permission }
  | { readonly kind: "asked"; readonly mac: string }
  | { readonly kind: "ended"; readonly mac: string; readonly end: End };

/** A machine that asks what to boot. */
export interface Ask {
  readonly uuid: string;
  readonly arch: Arch;
}

export type Decision =
  | {
      readonly boot: "disk";
      readonly method: DiskBoot | undefined;
      readonly because: string;
      readonly event?: BootEvent;
    }
  | { readonly boot: "install" | "rescue"; readonly permission: Permission; readonly event: BootEvent }
  /** It is let wipe when it confirms at once, so that a stored or repeated answer wipes nothing. */
  | { readonly boot: "confirm-wipe"; readonly permission: Permission };

/** Clocks of the operator and of the server may differ by this much, in milliseconds. */
const SKEW = 5 * 60_000;
/** Longest validity of a permission, in milliseconds. */
export const LONGEST: Readonly<Record<Action, number>> = {
  install: 24 * 3_600_000,
  rescue: 24 * 3_600_000,
  wipe: 3_600_000,
};

/** What a machine boots now. Whatever is not provably allowed boots from disk. */
export function decide(record: MachineBoot | undefined, ask: Ask, now: number): Decision {
  if (record === undefined) return { boot: "disk", method: undefined, because: "unknown" };
  const { permission } = record;
  const { mac, diskBoot: method, action } = permission;
  const disk = (because: string, event?: BootEvent): Decision => ({
    boot: "disk",
    method,
    because,
    ...(event !== undefined && { event }),
  });
  if (record.phase === "ended") return disk(`ended-${record.end ?? "revoked"}`);
  if (now >= permission.expires) return disk("expired", { kind: "ended", mac, end: "expired" });
  if (now < permission.issued - SKEW) return disk("clock-behind");
  if (ask.uuid !== permission.uuid) return disk("other-uuid");
  if (ask.arch !== permission.image.arch) return disk("other-arch");
  if (action === "wipe") return { boot: "confirm-wipe", permission };
  const event: BootEvent = { kind: "asked", mac };
  const disksTurn = permission.reissued === true ? 0 : 1;
  if (action === "install" && record.asked % 2 === disksTurn) return disk("turn", event);
  return { boot: action, permission, event };
}

/** The step that wipes; `undefined` when it is allowed no more. The end is recorded first: it may be lost, not doubled. */
export function confirmWipe(
  record: MachineBoot | undefined,
  now: number,
): { readonly permission: Permission; readonly event: BootEvent } | undefined {
  if (record?.phase !== "granted" || record.permission.action !== "wipe") return undefined;
  const { permission } = record;
  if (now >= permission.expires || now < permission.issued - SKEW) return undefined;
  return { permission, event: { kind: "ended", mac: permission.mac, end: "used" } };
}

/**
 * The step that hands a machine from other media its configuration; `undefined` when it is allowed no more. `shown` is
 * the SHA-256 of the token. The end is recorded first: the answer may be lost, it is not given twice.
 */
export function enrol(
  record: MachineBoot | undefined,
  shown: string,
  uuid: string,
  now: number,
): { readonly permission: Permission; readonly event: BootEvent } | undefined {
  if (record === undefined || record.phase === "ended") return undefined;
  const { permission } = record;
  const fits = permission.enrolment === shown && permission.uuid === uuid && permission.action === "install";
  if (!fits || now >= permission.expires || now < permission.issued - SKEW) return undefined;
  return { permission, event: { kind: "ended", mac: permission.mac, end: "used" } };
}

/** What a permission that arrives changes: nothing if it is the one that is known. Problems refuse it. */
export function grant(
  record: MachineBoot | undefined,
  permission: Permission,
  now: number,
): { readonly problems: readonly Problem[]; readonly event?: BootEvent } {
  const refused = (path: string, reason: string, fix: string) => ({ problems: [{ path, reason, fix }] });
  const { generation, action, issued, expires } = permission;
  const last = record?.permission;
  if (last !== undefined && generation === last.generation && sameGrant(last, permission)) return { problems: [] };
  if (last !== undefined && generation <= last.generation) {
    return refused(
      "generation",
      `${generation} is not above ${last.generation}, the last one of ${permission.mac}`,
      `write ${last.generation + 1} to ask for it anew`,
    );
  }
  if (now >= expires) return refused("expires", "the permission has expired", "issue it anew");
  if (issued > now + SKEW) {
    return refused("issued", "the permission comes from the future", "set the clocks of both computers");
  }
  if (expires - issued > LONGEST[action]) {
    return refused("expires", `is more than ${LONGEST[action] / 3_600_000} h after it was issued`, "issue it shorter");
  }
  return { problems: [], event: { kind: "granted", permission } };
}

/** Times differ when a lost answer made the operator sign again. */
function sameGrant(a: Permission, b: Permission): boolean {
  return a.action === b.action && a.uuid === b.uuid;
}

/** What ends a permission from outside: a proof that the system runs, or somebody who takes it back. */
export function endBy(record: MachineBoot | undefined, end: "proof" | "revoked"): BootEvent | undefined {
  if (record === undefined || record.phase === "ended") return undefined;
  if (end === "proof" && record.permission.action !== "install") return undefined;
  return { kind: "ended", mac: record.permission.mac, end };
}

/** The record after an event. */
export function advance(record: MachineBoot | undefined, event: BootEvent): MachineBoot | undefined {
  if (event.kind === "granted") return { permission: event.permission, phase: "granted", asked: 0 };
  if (record === undefined || record.phase === "ended") return record;
  if (event.kind === "asked") return { ...record, phase: "leased", asked: record.asked + 1 };
  return { ...record, phase: "ended", end: event.end };
}
