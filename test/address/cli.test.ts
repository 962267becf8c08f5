import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { stringify } from "yaml";
import { registerAddress } from "../../cli/commands/address";
import type { NetBoxServer } from "../../lab/netbox/server";
import { requester, startNetBox, tokens } from "../netbox/support";
import { siteFile } from "../support/site";

let dir: string;
let server: NetBoxServer;
let request: ReturnType<typeof requester>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "plinth-address-"));
  const started = await startNetBox();
  server = started.server;
  request = requester(started.url, tokens.admin);
  await request("POST", "/api/ipam/prefixes/", { prefix: "127.77.0.0/24" });
  process.env.PLINTH_NETBOX_URL = started.url;
  process.env.PLINTH_NETBOX_TOKEN = tokens.admin;
});
afterEach(async () => {
  delete process.env.PLINTH_NETBOX_URL;
  delete process.env.PLINTH_NETBOX_TOKEN;
  process.exitCode = 0;
  rmSync(dir, { recursive: true, force: true });
  await server.close();
});

/** Runs `plinth address …` and returns what it prints. */
async function plinth(...words: string[]): Promise<string> {
  const written: string[] = [];
  const write = jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  try {
    const program = new Command().exitOverride();
    registerAddress(program);
    await program.parseAsync(["address", ...words], { from: "user" });
  } finally {
    write.mockRestore();
  }
  return written.join("");
}

/** A stack file whose workers claim from a pool. */
function stackFile(pool: object): string {
  const site = siteFile();
  site.pools = { nodes: pool };
  for (const key of ["worker-1", "worker-2"]) site.machines[key].address = { pool: "nodes" };
  const file = join(dir, "Pulumi.lab.yaml");
  writeFileSync(file, stringify({ config: { "plinth:site": site } }));
  return file;
}

/** A state with one pool, as `pulumi stack export` prints it. */
function stateFile(inputs: object, addresses: Record<string, string>): string {
  const file = join(dir, "state.json");
  const urn = "urn:pulumi:lab::plinth::plinth:site:Site$plinth:address:Pool::site-pool-nodes";
  const outputs = { ...inputs, addresses, generation: 1, resting: [], pending: [], orphans: [], strays: [] };
  const stack = {
    urn: "urn:pulumi:lab::plinth::pulumi:pulumi:Stack::plinth-lab",
    type: "pulumi:pulumi:Stack",
    custom: false,
  };
  const resource = { urn, type: "plinth:address:Pool", custom: true, inputs, outputs };
  writeFileSync(file, JSON.stringify({ version: 3, deployment: { resources: [resource, stack] } }));
  return file;
}

const claims = { "worker-1": { purpose: "node" }, "worker-2": { purpose: "node" } };

test("plan shows each address, where it comes from, and what is left", async () => {
  const file = stackFile({ range: "127.77.0.100-127.77.0.109" });
  expect(await plinth("plan", file)).toBe(
    "nodes: 127.77.0.100-127.77.0.109 (static), 8 of 10 left\n" +
      "  worker-1  127.77.0.100     the lowest that is free\n" +
      "  worker-2  127.77.0.101     the lowest that is free\n",
  );
  const state = stateFile(
    { site: "lab", name: "nodes", range: "127.77.0.100-127.77.0.109", claims },
    { "worker-1": "127.77.0.105" },
  );
  expect(await plinth("plan", file, "--state", state)).toContain("worker-1  127.77.0.105     the state holds it");
});

test("explain finds a claim by its owner and by its address, and refuses what is neither", async () => {
  const file = stackFile({ range: "127.77.0.100-127.77.0.109" });
  const byOwner = await plinth("explain", file, "worker-2");
  expect(byOwner).toMatch(
    /^worker-2: 127\.77\.0\.101\n {2}because {2}the lowest that is free\n {2}claim {4}lab\/nodes\/worker-2\/node\n {2}id {7}[0-9a-f]{64}\n/,
  );
  expect(await plinth("explain", file, "127.77.0.101")).toBe(byOwner);
  await expect(plinth("explain", file, "printer")).rejects.toThrow(
    "printer: is neither an owner nor an address of any pool (name one of worker-1, worker-2)",
  );
});

test("init-netbox, plan against NetBox, lose NetBox, restore it from the state, and agree again", async () => {
  expect(await plinth("init-netbox", "--site", "lab")).toContain("made the custom field plinth_claim");
  expect(await plinth("init-netbox", "--site", "lab")).toBe("nothing to do: NetBox is ready\n");
  const file = stackFile({ backend: "netbox", prefix: "127.77.0.0/24" });
  expect(await plinth("plan", file)).toContain("worker-1  127.77.0.1       next free, not reserved");

  const inputs = { site: "lab", name: "nodes", backend: "netbox", prefix: "127.77.0.0/24", claims };
  const state = stateFile(inputs, { "worker-1": "127.77.0.40", "worker-2": "127.77.0.41" });
  expect(await plinth("plan", file, "--state", state)).toContain(
    "disagreement: worker-1: the state says 127.77.0.40, NetBox has no record of it",
  );
  expect(await plinth("restore", state, "--from", "state")).toBe(
    "recorded 127.77.0.40 for lab/nodes/worker-1/node\nrecorded 127.77.0.41 for lab/nodes/worker-2/node\n",
  );
  expect(await plinth("restore", state, "--from", "state")).toBe("nothing to restore: both sides agree\n");
  expect(await plinth("plan", file, "--state", state)).toMatch(/worker-1 {2}127\.77\.0\.40 {6}record \d+ of NetBox\n/);
});

test("a state is rebuilt from NetBox, and only its addresses change", async () => {
  await plinth("init-netbox", "--site", "lab");
  const inputs = { site: "lab", name: "nodes", backend: "netbox", prefix: "127.77.0.0/24", claims };
  await plinth(
    "restore",
    stateFile(inputs, { "worker-1": "127.77.0.40", "worker-2": "127.77.0.41" }),
    "--from",
    "state",
  );
  const stale = stateFile(inputs, { "worker-1": "127.77.0.99" });
  const out = join(dir, "restored.json");
  expect(await plinth("restore", stale, "--from", "netbox", "--out", out)).toBe(
    "worker-1: 127.77.0.99 became 127.77.0.40\nworker-2: (none) became 127.77.0.41\n",
  );
  const [before, after] = [stale, out].map((one) => JSON.parse(readFileSync(one, "utf8")));
  expect(after.deployment.resources[0].outputs).toEqual({
    ...before.deployment.resources[0].outputs,
    addresses: { "worker-1": "127.77.0.40", "worker-2": "127.77.0.41" },
  });
});

test("what is wrong is said with its way out", async () => {
  writeFileSync(join(dir, "state.json"), "{}");
  await expect(plinth("restore", join(dir, "state.json"), "--from", "state")).rejects.toThrow(
    "is no state of a stack (give the output of `pulumi stack export`)",
  );
  delete process.env.PLINTH_NETBOX_TOKEN;
  await expect(plinth("init-netbox")).rejects.toThrow(
    "PLINTH_NETBOX_TOKEN: is not set (put the token into this variable)",
  );
});
