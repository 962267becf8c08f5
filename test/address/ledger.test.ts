import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileLedger, type Ledger } from "../../provider/address/ledger";
import { staticBackend } from "../../provider/address/static";
import { listen } from "../provider/context";

const directory = mkdtempSync(join(tmpdir(), "plinth-ledger-"));
const ledger = fileLedger(directory);
afterEach(() => {
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const inputs = { site: "home", name: "nodes", range: "10.0.3.4-10.0.3.20", claims: { "cp-1": {} } };
const entry = { stack: "plinth/home", site: "home", vrf: "", pool: "nodes", range: inputs.range };
const stack = (name: string) => ({
  ...listen().context,
  urn: `urn:pulumi:${name}::plinth::plinth:address:Pool::nodes`,
});
const problems = async (name: string, of: Ledger = ledger) =>
  (await staticBackend(of).check(inputs, stack(name))).map(({ reason }) => reason);

test("an entry is written whole, and nothing else is left beside it", async () => {
  await ledger.enter({ ...entry, file: "of another life" } as never);
  expect(readdirSync(directory)).toHaveLength(1);
  expect(JSON.parse(readFileSync(ledger.fileOf(entry), "utf8"))).toEqual(entry);
  expect(await ledger.entries()).toEqual([{ ...entry, file: ledger.fileOf(entry) }]);
  await ledger.leave(entry);
  expect(readdirSync(directory)).toEqual([]);
});

test("a ledger that was never written is empty; one that cannot be read is an error, not an empty one", async () => {
  expect(await fileLedger(join(directory, "nowhere")).entries()).toEqual([]);
  writeFileSync(join(directory, "file"), "");
  await expect(fileLedger(join(directory, "file")).entries()).rejects.toThrow(/ENOTDIR/);
});

test.each([
  ["", "is empty"],
  ['{"stack":"plinth/ot', "is not an entry of a pool"],
  ['{"stack":"plinth/other"}', "is not an entry of a pool"],
])("a file with %j is a problem with a way out, and no stack trace", async (text, what) => {
  const file = join(directory, "other.json");
  writeFileSync(file, text);
  const [problem, ...others] = await staticBackend(ledger).check(inputs, stack("home"));
  expect(others).toEqual([]);
  expect(problem).toEqual({
    path: "range",
    reason: `${file} ${what}: another stack on this host may give the same addresses`,
    fix: "remove it, then refresh the stacks with static pools: each enters its own",
  });
});

test("a pool's own broken entry is written anew", async () => {
  writeFileSync(ledger.fileOf(entry), '{"st');
  expect(await problems("home")).toEqual([]);
  await staticBackend(ledger).apply(inputs, undefined, stack("home"));
  expect(await ledger.entries()).toMatchObject([entry]);
});

test("a refresh enters a pool that the ledger has lost", async () => {
  const { outputs } = await staticBackend(ledger).apply(inputs, undefined, stack("home"));
  await ledger.leave(entry);
  await staticBackend(ledger).read({ inputs, outputs }, stack("home"));
  expect(await problems("other")).toEqual([expect.stringContaining("of the stack plinth/home gives addresses")]);
});

test("of two stacks that take one range at the same moment, never both get it, and a loser leaves nothing", async () => {
  // Each looks before either has written.
  let looks = 0;
  let both: () => void = () => undefined;
  const met = new Promise<void>((resolve) => {
    both = resolve;
  });
  const slow: Ledger = {
    ...ledger,
    async entries() {
      const seen = await ledger.entries();
      if (++looks === 2) both();
      if (looks <= 2) await met;
      return seen;
    },
  };
  const results = await Promise.allSettled(
    ["home", "other"].map((name) => staticBackend(slow).apply(inputs, undefined, stack(name))),
  );
  const won = results.filter(({ status }) => status === "fulfilled").length;
  expect(won).toBeLessThan(2);
  expect(await ledger.entries()).toHaveLength(won);
});

test("a widened range that is refused leaves the one before", async () => {
  const backend = staticBackend(ledger);
  const first = { ...inputs, range: "10.0.3.4-10.0.3.9" };
  const { outputs } = await backend.apply(first, undefined, stack("home"));
  // Somebody enters between the look and the entry.
  const sly: Ledger = {
    ...ledger,
    async enter(own) {
      await ledger.enter({ ...entry, stack: "plinth/other", range: "10.0.3.10-10.0.3.20" });
      await ledger.enter(own);
    },
  };
  await expect(staticBackend(sly).apply(inputs, { inputs: first, outputs }, stack("home"))).rejects.toThrow(
    /of the stack plinth\/other gives addresses/,
  );
  expect(await ledger.entries()).toContainEqual(expect.objectContaining({ stack: "plinth/home", range: first.range }));
});
