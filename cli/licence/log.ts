/** The vendor's log of everything issued: append-only, each line bound to the one before. */
import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { canonicalJson } from "../../components/licensing/canonical";
import { type Licence, licenceClaims, revocationClaims } from "../../components/licensing/claims";
import { ProblemError } from "../../components/problem";
import { whoAmI } from "../../provider/user";

const stamp = { time: z.string(), by: z.string(), previous: z.string() };
const line = z.discriminatedUnion("act", [
  z.strictObject({
    ...stamp,
    act: z.enum(["issue", "renew"]),
    key: z.string(),
    sha256: z.string(),
    licence: licenceClaims,
    /** What was handed out, to be handed out again. Absent in what an earlier plinth issued. */
    text: z.string().exactOptional(),
  }),
  z.strictObject({ ...stamp, act: z.literal("revoke"), key: z.string(), sha256: z.string(), list: revocationClaims }),
  z.strictObject({ ...stamp, act: z.enum(["key", "retire"]), key: z.string() }),
  // Files of a release repository by their SHA-256; which keys signed them, they say themselves.
  z.strictObject({
    ...stamp,
    act: z.literal("sign"),
    files: z.record(z.string(), z.string()),
    release: z.strictObject({ channel: z.string(), version: z.string() }).exactOptional(),
  }),
]);

/** One act of the vendor. */
export type Entry = z.output<typeof line>;
type Without<T> = T extends unknown ? Omit<T, "time" | "by" | "previous"> : never;

const FIRST = "0".repeat(64);

function file(folder: string): string {
  return join(folder, "issued.jsonl");
}

/** Every act so far. @throws ProblemError when a line was changed, removed or put in */
export function readLog(folder: string): readonly Entry[] {
  return checked(folder).entries;
}

/** Appends an act; it is on the disk when this returns. What cannot be recorded must not be handed out. */
export function record(folder: string, act: Without<Entry>): void {
  const { user, host } = whoAmI();
  const { head: previous } = checked(folder);
  const text = canonicalJson({ ...act, time: new Date().toISOString(), by: `${user}@${host}`, previous });
  const handle = openSync(file(folder), "a", 0o600);
  try {
    writeSync(handle, `${text}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** What a licence says that was issued last under an id. */
export function latest(entries: readonly Entry[], id: string): Licence | undefined {
  const all = entries.flatMap((entry) => ("licence" in entry && entry.licence.id === id ? [entry.licence] : []));
  return all.reduce<Licence | undefined>((a, b) => (a === undefined || b.sequence > a.sequence ? b : a), undefined);
}

/** SHA-256 in hex. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function checked(folder: string): { readonly entries: readonly Entry[]; readonly head: string } {
  if (!existsSync(file(folder))) return { entries: [], head: FIRST };
  const lines = readFileSync(file(folder), "utf8").split("\n");
  const end = lines.pop();
  let head = FIRST;
  const entries = lines.map((text, place) => {
    const parsed = line.safeParse(json(text));
    if (!parsed.success || parsed.data.previous !== head) throw broken(folder, place + 1);
    head = sha256(text);
    return parsed.data;
  });
  if (end !== "") {
    const fix = "remove this line: what it was to record was not handed out";
    const path = `${file(folder)}:${lines.length + 1}`;
    throw new ProblemError("The log of what was issued is not whole:", [{ path, reason: "is not finished", fix }]);
  }
  return { entries, head };
}

function broken(folder: string, number: number): ProblemError {
  return new ProblemError("The log of what was issued is not whole:", [
    {
      path: `${file(folder)}:${number}`,
      reason: "does not follow from the line before it",
      fix: "bring back a copy of the file: nothing is issued until then",
    },
  ]);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
