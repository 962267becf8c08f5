/** Whether a licence is good, and if not, why: pure, offline, on text that anybody may have written. */
import type { z } from "zod";
import { type Licence, LONGEST_DAYS, licenceClaims, type Revocations, revocationClaims } from "./claims";
import type { KeyRing } from "./keys";
import { NotSigned, open } from "./signed";
import { tier } from "./tiers";
import { excess, type Grant, type Use } from "./use";

/** What a licence is called in its header. */
export const LICENCE = "plinth-licence+jws";
/** What a revocation list is called in its header. */
export const REVOCATIONS = "plinth-revocations+jws";

const DAY = 86_400_000;

/** What was seen before and can only grow: a clock turned back or an older licence put in again is noticed by it. */
export interface Mark {
  readonly id: string;
  readonly sequence: number;
  /** When the licence was issued. */
  readonly issued: string;
  /** The latest moment at which it was judged. */
  readonly time: string;
  /** Sequence of the revocation list; 0 when there was none. */
  readonly revocations: number;
}

/** What a site can be recognised by. */
export interface Devices {
  /** SMBIOS UUIDs. */
  readonly uuids: readonly string[];
  /** WWIDs of disks. */
  readonly wwids: readonly string[];
}

/** Under what a licence is judged. */
export interface Circumstances {
  readonly keys: KeyRing;
  readonly now: Date;
  /** Signed revocation list. @default - there is none */
  readonly revocations?: string;
  /** What was seen before. @default - nothing was */
  readonly mark?: Mark;
  /** When this plinth was released: it is not earlier than that. @default - not known */
  readonly released?: Date;
  /** @default - a licence that is bound to devices is not for this site */
  readonly devices?: Devices;
  /** @default - nothing is counted */
  readonly use?: Use;
}

/** How a licence can stand. Only `valid` and `grace` allow a site to grow. */
export const LICENCE_STATES = [
  "valid",
  "grace",
  "expired",
  "not-yet-valid",
  "revoked",
  "superseded",
  "wrong-device",
  "over-limit",
  "unknown-key",
  "altered",
  "malformed",
  "unsupported",
  "stale-revocations",
] as const;
/** How a licence stands. */
export type LicenceState = (typeof LICENCE_STATES)[number];

/** What was found, for a person and for a program. */
export interface Verdict {
  readonly state: LicenceState;
  /** Whether the site may grow by it. */
  readonly entitled: boolean;
  /** One sentence; holds nothing that an unknown writer could have put there but plain words. */
  readonly reason: string;
  /** What to do; empty when there is nothing to do. */
  readonly fix: string;
  /** What the vendor signed. @default - nothing can be believed */
  readonly licence?: Licence;
  /** Until the licence, or in `grace` the grace, ends. */
  readonly daysLeft?: number;
  /** Every use that is not covered, in words. */
  readonly excess: readonly string[];
  /** What is to be remembered for the next time. @default - nothing was learnt */
  readonly mark?: Mark;
  /** What is no reason to refuse anything. */
  readonly warnings: readonly string[];
}

/** Judges a licence. Never throws on any text. */
export function verifyLicence(text: string, circumstances: Circumstances): Verdict {
  const read = readSigned(text, LICENCE, licenceClaims, 16_384, circumstances.keys);
  if ("state" in read) return { ...read, reason: `the licence is not accepted: ${read.reason}` };
  const { issued } = read.value;
  const soonest = Math.max(circumstances.now.getTime(), circumstances.released?.getTime() ?? 0);
  // Believed, it would be the time from then on.
  if (Date.parse(issued) - soonest > LONGEST_DAYS * DAY) {
    const reason = `the licence is not accepted: it says that it was issued at ${issued}, more than a hundred years from now`;
    return none("malformed", reason, "ask the vendor to issue it again, by a clock that is right");
  }
  const list = readRevocations(circumstances);
  if (list !== undefined && "state" in list)
    return { ...list, licence: read.value, reason: `the revocation list is not accepted: ${list.reason}` };
  return judge(read.value, list?.value, circumstances);
}

/** A revocation list, or why it is none. Never throws on any text. */
export function readRevocations({
  revocations,
  keys,
}: Pick<Circumstances, "revocations" | "keys">): { readonly value: Revocations } | Verdict | undefined {
  if (revocations === undefined) return undefined;
  return readSigned(revocations, REVOCATIONS, revocationClaims, 4_194_304, keys);
}

function judge(licence: Licence, list: Revocations | undefined, circumstances: Circumstances): Verdict {
  const { mark, use, devices } = circumstances;
  const { time, warnings } = judgedAt(licence, circumstances);
  const known = { licence, warnings, mark: nextMark(licence, list, time, mark) };
  const bad = (state: LicenceState, reason: string, fix: string, over: readonly string[] = []): Verdict => ({
    ...known,
    state,
    entitled: false,
    reason: `the licence ${licence.id} ${reason}`,
    fix,
    excess: over,
  });
  const granted = grant(licence);
  if (granted === undefined)
    return bad("unsupported", `is of the tier ${licence.tier}, unknown to this plinth`, "update plinth");
  if (mark !== undefined && mark.revocations > (list?.sequence ?? 0)) {
    const reason = `was judged by the revocation list ${mark.revocations} before, and now by ${list === undefined ? "none" : `${list.sequence}`}`;
    return bad("stale-revocations", reason, `put revocation list ${mark.revocations} or a later one in again`);
  }
  const revoked = list?.revoked.find(({ id, sequence }) => id === licence.id && sequence >= licence.sequence);
  if (revoked !== undefined) return bad("revoked", `is revoked: ${revoked.reason}`, "ask the vendor for a new licence");
  if (mark?.id === licence.id && mark.sequence > licence.sequence) {
    const reason = `has the sequence ${licence.sequence}, and ${mark.sequence} was in use before`;
    return bad("superseded", reason, `put the licence of sequence ${mark.sequence} or a later one in again`);
  }
  if (time < Date.parse(licence.notBefore))
    return bad("not-yet-valid", `begins at ${licence.notBefore}`, "wait, or check this computer's clock");
  if (licence.devices !== undefined && !isHere(licence.devices, devices))
    return bad("wrong-device", "is for other machines than this site's", "ask the vendor for one for these machines");
  const end = Date.parse(licence.notAfter);
  const graceEnd = end + licence.graceDays * DAY;
  if (time >= graceEnd)
    return bad(
      "expired",
      `ended at ${licence.notAfter}${licence.graceDays > 0 ? `, its ${licence.graceDays} days of grace too` : ""}`,
      "ask the vendor to renew it; what runs goes on",
    );
  const over = use === undefined ? [] : excess(use, granted);
  if (over.length > 0)
    return bad("over-limit", `does not cover ${over.join("; ")}`, "use less, or ask the vendor for more", over);
  const good = { ...known, entitled: true, excess: [] };
  if (time >= end) {
    const daysLeft = Math.ceil((graceEnd - time) / DAY);
    const reason = `the licence ${licence.id} ended at ${licence.notAfter}; ${days(daysLeft)} of grace left`;
    return { ...good, state: "grace", reason, fix: "ask the vendor to renew it", daysLeft };
  }
  const daysLeft = Math.ceil((end - time) / DAY);
  const reason = `the licence ${licence.id} of ${JSON.stringify(licence.customer)} is good for ${days(daysLeft)}`;
  return { ...good, state: "valid", reason, fix: "", daysLeft };
}

/** Features and limits of a licence; `undefined` when its tier is unknown. */
export function grant({ tier: name, features, limits }: Licence): Grant | undefined {
  const sold = tier(name);
  return sold && { features: [...sold.features, ...features], limits: { ...sold.limits, ...limits } };
}

/**
 * The moment that counts: the latest that is known to have been. A renewal, or a licence that was issued later than
 * the one of the mark, makes a new beginning: a clock that once ran years ahead, here or at the vendor's, does not spoil
 * a site for ever.
 */
function judgedAt(licence: Licence, { now, mark, released }: Circumstances): { time: number; warnings: string[] } {
  const seen = [
    { what: "the licence was issued at", time: Date.parse(licence.issued) },
    ...(released === undefined ? [] : [{ what: "this plinth was released at", time: released.getTime() }]),
    ...(mark === undefined || renews(licence, mark)
      ? []
      : [{ what: "this site was judged at", time: Date.parse(mark.time) }]),
  ];
  const latest = seen.reduce((a, b) => (b.time > a.time ? b : a));
  if (latest.time <= now.getTime()) return { time: now.getTime(), warnings: [] };
  const ago = latest.time - now.getTime();
  const warning = `the clock of this computer says ${iso(now.getTime())}, but ${latest.what} ${iso(latest.time)}: the later one counts`;
  // A few minutes between two clocks are nothing to tell.
  return { time: latest.time, warnings: ago > DAY / 24 ? [warning] : [] };
}

/** Among renewals of one licence the sequence counts: the clock they were issued by may have been mended meanwhile. */
function renews({ id, sequence, issued }: Licence, mark: Mark): boolean {
  if (id === mark.id && sequence !== mark.sequence) return sequence > mark.sequence;
  return Date.parse(issued) > Date.parse(mark.issued);
}

function nextMark(licence: Licence, list: Revocations | undefined, time: number, mark: Mark | undefined): Mark {
  const { id, sequence, issued } = licence;
  const revocations = Math.max(mark?.revocations ?? 0, list?.sequence ?? 0);
  if (mark !== undefined && !renews(licence, mark)) return { ...mark, time: iso(time), revocations };
  return { id, sequence, issued, time: iso(time), revocations };
}

function isHere(wanted: Devices, here: Devices | undefined): boolean {
  const has = (list: readonly string[] | undefined, text: string) =>
    list?.some((other) => other.toLowerCase() === text.toLowerCase()) === true;
  return wanted.uuids.some((uuid) => has(here?.uuids, uuid)) || wanted.wwids.some((wwid) => has(here?.wwids, wwid));
}

function readSigned<T extends { readonly issued: string }>(
  text: string,
  type: string,
  schema: z.ZodType<T>,
  longest: number,
  keys: KeyRing,
): { readonly value: T } | Verdict {
  try {
    const { payload, until } = open(text, { type, keys, longest });
    const version = (payload as { readonly v?: unknown } | null)?.v;
    if (typeof version === "number" && version > 1)
      return none("unsupported", `it is of form ${version}, unknown to this plinth`, "update plinth");
    const parsed = schema.safeParse(payload);
    if (!parsed.success) {
      const [first] = parsed.error.issues;
      return none("malformed", `${first?.path.join(".") || "it"}: ${first?.message ?? "is wrong"}`, COPY);
    }
    if (until !== undefined && Date.parse(parsed.data.issued) > until)
      return none("unknown-key", `its key was given up at ${iso(until)}, before it was issued`, ASK);
    return { value: parsed.data };
  } catch (error) {
    if (error instanceof NotSigned) return none(error.state, error.message, error.state === "unknown-key" ? ASK : COPY);
    throw error;
  }
}

const COPY = "copy it again, whole, as the vendor sent it";
const ASK = "update plinth's list of the vendor's keys, or ask the vendor for one by a current key";

function none(state: LicenceState, reason: string, fix: string): Verdict {
  return { state, entitled: false, reason, fix, excess: [], warnings: [] };
}

function iso(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+/, "");
}

function days(count: number): string {
  return `${count} day${count === 1 ? "" : "s"}`;
}
