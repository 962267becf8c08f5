import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  promises,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { registerLicence } from "../../cli/commands/licence";
import { makeKey, signingKey } from "../../cli/licence/keys";
import { withVendor } from "../../cli/licence/lock";
import { readLog } from "../../cli/licence/log";
import { bootId, startTime } from "../../provider/process";

// Every line waits for the disk, and this computer may be busy.
jest.setTimeout(120_000);

let folder: string;
let said: string[];
let identity: string;
let recipient: string;

beforeAll(async () => {
  const { generateX25519Identity, identityToRecipient } = await import("age-encryption");
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
});

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-vendor-"));
  writeFileSync(file("identity"), `# made today\n${identity}\n`);
  said = [];
  jest.spyOn(console, "log").mockImplementation((text) => void said.push(String(text)));
});

afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
  delete process.env.PLINTH_LICENCE_PASSPHRASE;
  rmSync(folder, { recursive: true });
});

const file = (name: string) => path.join(folder, name);

/** Runs a command; gives what it printed last. */
async function plinth(...words: string[]): Promise<string> {
  const program = new Command();
  registerLicence(program);
  await program.parseAsync(["licence", ...words], { from: "user" });
  return said.at(-1) ?? "";
}

const desk = (...words: string[]) => plinth(...words, "--vendor", folder);
const sign = (...words: string[]) => desk(...words, "--identity", file("identity"));
const newKey = () => desk("keys", "new", "--recipient", recipient);
const issue = (id = "acme-1") =>
  sign("issue", "--id", id, "--customer", "ACME", "--tier", "enterprise", "--until", "2030-01-01", "--nodes", "5");

async function verify(text: string, ...words: string[]): Promise<[string, number | string | undefined]> {
  writeFileSync(file("licence"), `${text}\n`);
  process.exitCode = undefined;
  const told = await plinth("verify", file("licence"), "--keys", file("keys.json"), ...words);
  return [told, process.exitCode];
}

test("a licence is issued, shown, renewed, revoked and verified; all of it stands in the log", async () => {
  await newKey();
  const first = await issue();
  expect(await verify(first, "--at", "2029-12-31")).toEqual([
    'valid: the licence acme-1 of "ACME" is good for 1 day',
    undefined,
  ]);
  expect(JSON.parse(await plinth("show", file("licence")))).toMatchObject({
    id: "acme-1",
    limits: { nodes: 5 },
    graceDays: 14,
  });
  const renewed = await sign("renew", "acme-1", "--until", "2031-01-01");
  expect(await verify(renewed, "--at", "2030-12-31")).toEqual([expect.stringMatching(/^valid/), undefined]);
  await sign("revoke", "acme-1", "--reason", "charged back");
  const list = ["--revocations", file("revocations.jws")];
  expect(await verify(renewed, ...list)).toEqual([
    "revoked: the licence acme-1 is revoked: charged back\nask the vendor for a new licence",
    1,
  ]);
  const again = await sign("renew", "acme-1", "--until", "2032-01-01");
  expect((await verify(again, ...list))[0]).toMatch(/^valid/);
  expect(readLog(folder).map((entry) => [entry.act, "licence" in entry ? entry.licence.sequence : ""])).toEqual([
    ["key", ""],
    ["issue", 1],
    ["renew", 2],
    ["revoke", ""],
    ["renew", 3],
  ]);
});

test("keys overlap: what a retired key signed stays good, and the new one signs from then on", async () => {
  await newKey();
  const first = await issue();
  await newKey();
  const [before] = readKeyLines();
  await desk("keys", "retire", before?.id ?? "");
  expect(readKeyLines().map(({ until }) => until !== undefined)).toEqual([true, false]);
  const second = await issue("acme-2");
  expect(header(second).kid).not.toBe(header(first).kid);
  expect((await verify(first))[0]).toMatch(/^valid/);
  expect((await verify(second))[0]).toMatch(/^valid/);
});

const header = (text: string) => JSON.parse(Buffer.from(text.split(".")[0] ?? "", "base64url").toString());

/** What `keys` printed last, a line a key. */
function readKeyLines(): { readonly id: string; readonly until?: string }[] {
  const { keys } = JSON.parse(readFileSync(file("keys.json"), "utf8"));
  const ids = said.filter((line) => line.startsWith("- {")).slice(-keys.length);
  return keys.map((key: object, place: number) => ({ ...key, id: /# (\S+)$/.exec(ids[place] ?? "")?.[1] ?? "" }));
}

test("a key sealed with a passphrase opens with it alone, and never lies open on the disk", async () => {
  const passphrase = "correct horse battery";
  const id = await makeKey(folder, { passphrase, workFactor: 8 });
  const sealed = file(`${id}.age`);
  expect(statSync(sealed).mode & 0o777).toBe(0o600);
  expect(readFileSync(sealed, "latin1")).toMatch(/^age-encryption.org\/v1\n-> scrypt /);
  expect((await signingKey(folder, { passphrase })).id).toBe(id);
  const refused = signingKey(folder, { passphrase: "correct horse batterx" });
  await expect(refused).rejects.toThrow(/cannot be opened with what is given \(set PLINTH_LICENCE_PASSPHRASE/);
  await expect(refused).rejects.not.toThrow(/horse/);
  await expect(makeKey(folder, { passphrase: "short" })).rejects.toThrow(/has fewer than 12 characters/);
  await expect(makeKey(folder, { passphrase, recipients: [recipient] })).rejects.toThrow(/is given beside recipients/);
});

test("a log with a changed, missing or unfinished line issues nothing more", async () => {
  await newKey();
  await issue("acme-1");
  await issue("acme-2");
  const whole = readFileSync(file("issued.jsonl"), "utf8");
  const lines = whole.split("\n");
  const written = async (text: string) => {
    writeFileSync(file("issued.jsonl"), text);
    await issue("acme-3");
  };
  await expect(written(whole.replace('"nodes":5', '"nodes":9'))).rejects.toThrow(/issued.jsonl:3: does not follow/);
  await expect(written([lines[0], ...lines.slice(2)].join("\n"))).rejects.toThrow(/issued.jsonl:2: does not follow/);
  await expect(written(whole.slice(0, -10))).rejects.toThrow(/issued.jsonl:3: is not finished \(remove this line/);
  writeFileSync(file("issued.jsonl"), whole);
  appendFileSync(file("issued.jsonl"), "");
  expect(await issue("acme-3")).toMatch(/^ey/);
});

test("what is wrong with an order is told at once, and nothing is recorded", async () => {
  await newKey();
  await issue();
  const order = sign(
    "issue",
    "--id",
    "acme-1",
    "--customer",
    "",
    "--tier",
    "entreprise",
    "--until",
    "2020-01-01",
    "--nodes",
    "x",
    "--feature",
    "gpus",
  );
  await expect(order).rejects.toThrow(
    [
      "Nothing was issued:",
      "  - --tier: entreprise is not known (did you mean enterprise?)",
      "  - --feature: gpus is not known (did you mean gpu?)",
      "  - --id: acme-1 was issued before (plinth licence renew acme-1, or choose another name)",
    ].join("\n"),
  );
  await expect(order).rejects.toThrow(/customer: .*\n.*limits.nodes: /);
  await expect(sign("renew", "acme-1", "--until", "2029-01-01")).rejects.toThrow(/is before its end, 2030-01-01/);
  await expect(sign("renew", "acme-2", "--until", "2031-01-01")).rejects.toThrow(
    /no licence acme-2 was issued here \(did you mean acme-1\?/,
  );
  await expect(sign("renew", "acme-1", "--until", "soon")).rejects.toThrow(/--until: soon is no date/);
  await expect(sign("renew", "acme-1", "--until", "2031-02-30")).rejects.toThrow(/2031-02-30 is no date/);
  await expect(desk("keys", "retire", "nobody")).rejects.toThrow(/there is no key nobody/);
  await expect(desk("keys", "new")).rejects.toThrow(/nothing is given to seal the key with/);
  expect(readLog(folder)).toHaveLength(2);
});

test("a licence that was lost is printed again, as it was issued last", async () => {
  await newKey();
  const first = await issue();
  expect(await desk("show", "acme-1")).toBe(first);
  const renewed = await sign("renew", "acme-1", "--until", "2031-01-01");
  expect(await desk("show", "acme-1")).toBe(renewed);
  await expect(desk("show", "acme-2")).rejects.toThrow(/no licence acme-2 was issued here \(did you mean acme-1/);
  // As a plinth before this one wrote it: without the text.
  const [key = "", issued = ""] = readFileSync(file("issued.jsonl"), "utf8").split("\n");
  const { text: _, ...older } = JSON.parse(issued);
  writeFileSync(file("issued.jsonl"), `${key}\n${JSON.stringify(older)}\n`);
  await expect(desk("show", "acme-1")).rejects.toThrow(
    /acme-1: was issued by a plinth that kept no text of it \(plinth/,
  );
});

test("a renewal changes what it names, under the same end too, and nothing else", async () => {
  await newKey();
  await sign(
    ...["issue", "--id", "acme-1", "--customer", "ACME", "--tier", "platform", "--until", "2030-01-01"],
    ...["--nodes", "5", "--feature", "netbox", "--uuid", "u-1", "--wwid", "w-1"],
  );
  const says = (text: string) => JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString());
  const before = says(await desk("show", "acme-1"));
  const more = await sign("renew", "acme-1", "--nodes", "10", "--wwid", "w-2", "--wwid", "w-3", "--grace", "30");
  expect(says(more)).toEqual({
    ...before,
    ...{ sequence: 2, issued: expect.any(String), limits: { nodes: 10 }, graceDays: 30 },
    devices: { uuids: [], wwids: ["w-2", "w-3"] },
  });
  const tier = await sign("renew", "acme-1", "--tier", "enterprise", "--feature", "rented-machines", "--gpus", "2");
  expect(says(tier)).toMatchObject({
    ...{ sequence: 3, tier: "enterprise", features: ["rented-machines"], limits: { nodes: 10, gpus: 2 } },
    devices: { wwids: ["w-2", "w-3"] },
  });
  await expect(sign("renew", "acme-1")).rejects.toThrow(/2030-01-01T00:00:00Z is its end already, and nothing else/);
  await expect(sign("renew", "acme-1", "--nodes", "10")).rejects.toThrow(/nothing else changes/);
  await expect(sign("renew", "acme-1", "--tier", "gold", "--nodes", "x")).rejects.toThrow(
    /--tier: gold is not known .*\n.*limits.nodes/s,
  );
  await expect(sign("renew", "acme-1", "--nodes", "20", "--until", "2029-01-01")).rejects.toThrow(/is before its end/);
  jest.useFakeTimers({ now: new Date("2030-02-01T00:00:00Z"), doNotFake: ["setTimeout", "nextTick"] });
  try {
    await expect(sign("renew", "acme-1", "--nodes", "20", "--today", "2030-02-01")).rejects.toThrow(
      /--until: is not given, and its end, 2030-01-01T00:00:00Z, has passed \(name a later end/,
    );
  } finally {
    jest.useRealTimers();
  }
  expect(readLog(folder)).toHaveLength(4);
});

test("of two at one desk, each sees what the other one did", async () => {
  await newKey();
  const twins = await Promise.allSettled([issue(), issue()]);
  expect(twins.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  await Promise.all([
    sign("renew", "acme-1", "--until", "2031-01-01"),
    newKey(),
    issue("acme-2"),
    sign("renew", "acme-1", "--until", "2031-01-02").catch(() => sign("renew", "acme-1", "--until", "2032-01-01")),
  ]);
  const entries = readLog(folder);
  const sequences = entries.flatMap((entry) =>
    "licence" in entry ? [`${entry.licence.id} ${entry.licence.sequence}`] : [],
  );
  expect(sequences.sort()).toEqual(["acme-1 1", "acme-1 2", "acme-1 3", "acme-2 1"]);
  expect(JSON.parse(readFileSync(file("keys.json"), "utf8")).keys).toHaveLength(2);
  expect(readdirSync(folder).filter((name) => name.includes("lease"))).toEqual([]);
});

test("a clock that says less than the log, or years more than plinth itself, signs only what a person says as well", async () => {
  await newKey();
  const at = (time: string) => jest.useFakeTimers({ now: new Date(time), doNotFake: ["setTimeout", "nextTick"] });
  try {
    at("2036-05-01T10:00:00Z");
    await expect(issue()).rejects.toThrow(
      /--today: this computer says 2036-05-01T10:00:00Z, years after this plinth was made, .* \(set its clock; if/,
    );
    const ordered = ["issue", "--id", "acme-1", "--customer", "ACME", "--tier", "platform", "--until", "2038-01-01"];
    await expect(sign(...ordered, "--today", "2026-05-01")).rejects.toThrow(/says 2036-05-01, not 2026-05-01/);
    await sign(...ordered, "--today", "2036-05-01");
    at("2026-12-01T10:00:00Z");
    await expect(issue("acme-2")).rejects.toThrow(
      /says 2026-12-01T10:00:00Z, before the last line of .*, 2036-05-01T10/,
    );
    await expect(sign("revoke", "acme-1", "--reason", "a wrong clock")).rejects.toThrow(/before the last line/);
    // The clock is mended, and a person says so once.
    const renewed = await sign("renew", "acme-1", "--until", "2038-01-02", "--today", "2026-12-01");
    expect(JSON.parse(Buffer.from(renewed.split(".")[1] ?? "", "base64url").toString())).toMatchObject({
      sequence: 2,
      issued: "2026-12-01T10:00:00Z",
    });
    expect(await issue("acme-2")).toMatch(/^ey/);
    at("2026-01-01T00:00:00Z");
    await expect(issue("acme-3")).rejects.toThrow(/before this plinth was made/);
  } finally {
    jest.useRealTimers();
  }
});

describe("the vendor's folder", () => {
  const lease = (more: object) =>
    writeFileSync(
      file("vendor.lease"),
      JSON.stringify({
        ...{ id: "other", pid: process.ppid, boot: bootId(), started: startTime(process.ppid), host: hostname() },
        ...{ user: "ann", since: "2026-01-01T10:00:00Z", doing: "renew acme-7", ...more },
      }),
    );

  test("is waited for, and who holds it for too long is named", async () => {
    lease({});
    const held = withVendor(folder, "issue acme-1", async () => "both", 300);
    await expect(held).rejects.toThrow(/vendor is being changed by ann@.*: renew acme-7\); wait until it ends/);
    const waiting = withVendor(folder, "issue acme-1", async () => "mine");
    rmSync(file("vendor.lease"));
    expect(await waiting).toBe("mine");
  });

  test("is free again when the one who held it died", async () => {
    lease({ pid: 2 ** 22 + 1 });
    expect(await withVendor(folder, "issue acme-1", async () => "mine")).toBe("mine");
  });

  test("on a disk without hard links is held by this computer", async () => {
    const state = mkdtempSync(path.join(tmpdir(), "plinth-state-"));
    process.env.PLINTH_STATE_DIR = state;
    const real = promises.link;
    jest.spyOn(promises, "link").mockImplementation(async (from, to) => {
      if (String(to).startsWith(folder))
        throw Object.assign(new Error("not permitted"), { code: "EPERM", syscall: "link" });
      return real(from, to);
    });
    try {
      const first = withVendor(folder, "one", async () => {
        expect(readdirSync(path.join(state, "leases"))).toEqual([
          expect.stringMatching(/^vendor-[0-9a-f]{16}\.lease$/),
        ]);
        await expect(withVendor(folder, "two", async () => "both", 0)).rejects.toThrow(/is being changed by .*: one\)/);
        return "mine";
      });
      expect(await first).toBe("mine");
    } finally {
      delete process.env.PLINTH_STATE_DIR;
      rmSync(state, { recursive: true });
    }
  });

  test("that is not there is not made by whoever signs", async () => {
    await expect(plinth("renew", "acme-1", "--until", "2031-01-01", "--vendor", file("vendr"))).rejects.toThrow(
      /vendr: is not there \(name the vendor's folder with --vendor/,
    );
    expect(existsSync(file("vendr"))).toBe(false);
  });
});
