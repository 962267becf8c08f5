/** What a vendor does: check, record, sign. Only what is recorded is handed out. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson } from "../../components/licensing/canonical";
import { type Licence, licenceClaims, type Revocations, revocationClaims } from "../../components/licensing/claims";
import { sign } from "../../components/licensing/signed";
import { FEATURES, TIERS } from "../../components/licensing/tiers";
import { LICENCE, REVOCATIONS } from "../../components/licensing/verdict";
import { type Problem, ProblemError, refuse } from "../../components/problem";
import { suggestion } from "../../components/similar";
import { type Clock, second, sure } from "./clock";
import { type Seal, signingKey } from "./keys";
import { withVendor } from "./lock";
import { type Entry, latest, readLog, record, sha256 } from "./log";

/** What is sold, as the command line says it. */
interface Order {
  readonly tier: string;
  readonly until: string;
  readonly feature: readonly string[];
  readonly sites?: string;
  readonly nodes?: string;
  readonly gpus?: string;
  readonly grace: string;
  readonly uuid: readonly string[];
  readonly wwid: readonly string[];
}

/** A licence as the command line describes it. */
export interface Draft extends Order {
  readonly id: string;
  readonly customer: string;
  readonly from?: string;
}

/** What a renewal changes; all else stays as it was. Empty lists change nothing. */
export type Changes = Partial<Order>;

/** Signs a new licence. */
export function issue(folder: string, draft: Draft, seal: Seal, clock: Clock): Promise<string> {
  return withVendor(folder, `issue ${draft.id}`, () => issued(folder, draft, seal, clock));
}

async function issued(folder: string, draft: Draft, seal: Seal, clock: Clock): Promise<string> {
  const entries = readLog(folder);
  const today = second(sure(folder, entries, clock));
  const { uuid: uuids, wwid: wwids } = draft;
  const claims = {
    v: 1,
    id: draft.id,
    sequence: 1,
    customer: draft.customer,
    tier: draft.tier,
    features: draft.feature,
    limits: limitsOf(draft),
    issued: today,
    notBefore: draft.from === undefined ? today : moment(draft.from, "--from"),
    notAfter: moment(draft.until, "--until"),
    graceDays: Number(draft.grace),
    ...(uuids.length + wwids.length > 0 && { devices: { uuids, wwids } }),
  };
  const problems = unknownNames(draft);
  if (latest(entries, draft.id) !== undefined) {
    const fix = `plinth licence renew ${draft.id}, or choose another name`;
    problems.push({ path: "--id", reason: `${draft.id} was issued before`, fix });
  }
  return handOut(folder, "issue", checkedClaims(claims, problems), seal);
}

/** Signs a licence again, with the next sequence, a later end or other terms. */
export function renew(folder: string, id: string, changes: Changes, seal: Seal, clock: Clock): Promise<string> {
  return withVendor(folder, `renew ${id}`, () => renewed(folder, id, changes, seal, clock));
}

async function renewed(folder: string, id: string, changes: Changes, seal: Seal, clock: Clock): Promise<string> {
  const entries = readLog(folder);
  const before = known(entries, id);
  const now = sure(folder, entries, clock);
  const { tier = before.tier, until, feature = [], grace, uuid = [], wwid = [] } = changes;
  const terms = {
    ...before,
    tier,
    features: feature.length > 0 ? feature : before.features,
    limits: { ...before.limits, ...limitsOf(changes) },
    ...(until !== undefined && { notAfter: moment(until, "--until") }),
    ...(grace !== undefined && { graceDays: Number(grace) }),
    ...(uuid.length + wwid.length > 0 && { devices: { uuids: uuid, wwids: wwid } }),
  };
  const problems = unknownNames({ tier, feature });
  if (until === undefined && Date.parse(before.notAfter) <= now.getTime()) {
    const reason = `is not given, and its end, ${before.notAfter}, has passed`;
    problems.push({ path: "--until", reason, fix: "name a later end" });
    refuse("Nothing was issued:", problems);
  }
  if (Date.parse(terms.notAfter) < Date.parse(before.notAfter)) {
    const fix = "name a later end; to end a licence early, revoke it";
    problems.push({ path: "--until", reason: `${terms.notAfter} is before its end, ${before.notAfter}`, fix });
  } else if (canonicalJson(terms) === canonicalJson(before)) {
    const fix = `name a later end or other terms; plinth licence show ${id} --vendor … prints it again`;
    problems.push({ path: "--until", reason: `${terms.notAfter} is its end already, and nothing else changes`, fix });
  }
  const claims = { ...terms, sequence: before.sequence + 1, issued: second(now) };
  return handOut(folder, "renew", checkedClaims(claims, problems), seal);
}

/** The text of a licence as it was issued last, for a customer who lost it. @throws ProblemError */
export function reprint(folder: string, id: string): string {
  const entries = readLog(folder);
  const { sequence } = known(entries, id);
  const text = entries
    .flatMap((entry) => ("licence" in entry ? [entry] : []))
    .find(({ licence }) => licence.id === id && licence.sequence === sequence)?.text;
  if (text !== undefined) return text;
  const fix = `plinth licence renew ${id} with a later end`;
  throw new ProblemError("There is nothing to show:", [
    { path: id, reason: "was issued by a plinth that kept no text of it", fix },
  ]);
}

function limitsOf({ sites, nodes, gpus }: Pick<Order, "sites" | "nodes" | "gpus">): Record<string, number> {
  const given = Object.entries({ sites, nodes, gpus });
  return Object.fromEntries(given.flatMap(([what, text]) => (text === undefined ? [] : [[what, Number(text)]])));
}

/** Signs the revocation list with this licence, as it was issued last, on it. */
export function revoke(folder: string, id: string, reason: string, seal: Seal, clock: Clock): Promise<string> {
  return withVendor(folder, `revoke ${id}`, () => revoked(folder, id, reason, seal, clock));
}

async function revoked(folder: string, id: string, reason: string, seal: Seal, clock: Clock): Promise<string> {
  const entries = readLog(folder);
  const { sequence } = known(entries, id);
  const before = entries.flatMap((entry) => ("list" in entry ? [entry.list] : [])).at(-1);
  const list: Revocations = {
    v: 1,
    sequence: (before?.sequence ?? 0) + 1,
    issued: second(sure(folder, entries, clock)),
    revoked: [...(before?.revoked ?? []).filter((each) => each.id !== id), { id, sequence, reason }],
  };
  const parsed = revocationClaims.safeParse(list);
  if (!parsed.success) throw wrong(parsed.error.issues);
  const signer = await signingKey(folder, seal);
  const text = await sign(list, REVOCATIONS, signer);
  record(folder, { act: "revoke", key: signer.id, sha256: sha256(text), list });
  const draft = join(folder, "revocations.jws.new");
  writeFileSync(draft, `${text}\n`);
  renameSync(draft, join(folder, "revocations.jws"));
  return text;
}

/** A day or a moment of the command line, in UTC to the second. */
export function moment(text: string, path: string): string {
  const whole = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
  const time = new Date(whole);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(whole) && !Number.isNaN(time.getTime()) && second(time) === whole)
    return whole;
  throw new ProblemError("Nothing was done:", [
    { path, reason: `${text} is no date`, fix: "write it as 2027-01-31 or 2027-01-31T12:00:00Z" },
  ]);
}

async function handOut(folder: string, act: "issue" | "renew", licence: Licence, seal: Seal): Promise<string> {
  const signer = await signingKey(folder, seal);
  const text = await sign(licence, LICENCE, signer);
  record(folder, { act, key: signer.id, sha256: sha256(text), licence, text });
  return text;
}

function checkedClaims(claims: unknown, problems: readonly Problem[]): Licence {
  const parsed = licenceClaims.safeParse(claims);
  refuse("Nothing was issued:", [...problems, ...(parsed.success ? [] : fromIssues(parsed.error.issues))]);
  if (!parsed.success) throw new Error("unreachable: claims without problems are a licence");
  return parsed.data;
}

/** A later plinth may know more tiers, but one vendor's typing error is one customer's refusal. */
function unknownNames({ tier, feature }: Pick<Order, "tier" | "feature">): Problem[] {
  const check = (path: string, name: string, names: readonly string[]): Problem[] =>
    names.includes(name)
      ? []
      : [{ path, reason: `${name} is not known`, fix: suggestion(name, names) ?? `use one of ${names.join(", ")}` }];
  return [
    ...check("--tier", tier, Object.keys(TIERS)),
    ...feature.flatMap((name) => check("--feature", name, Object.keys(FEATURES))),
  ];
}

function known(entries: readonly Entry[], id: string): Licence {
  const licence = latest(entries, id);
  if (licence !== undefined) return licence;
  const ids = [...new Set(entries.flatMap((entry) => ("licence" in entry ? [entry.licence.id] : [])))];
  const fix = suggestion(id, ids) ?? "issued.jsonl of the vendor's folder has every name";
  throw new ProblemError("Nothing was done:", [{ path: "id", reason: `no licence ${id} was issued here`, fix }]);
}

function wrong(issues: Parameters<typeof fromIssues>[0]): ProblemError {
  return new ProblemError("Nothing was done:", fromIssues(issues));
}

function fromIssues(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): Problem[] {
  return issues.map(({ path, message }) => ({ path: path.join("."), reason: message, fix: "correct it" }));
}
