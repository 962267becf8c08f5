/** Pools and claims under the real engine, with plinth's compiled provider. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { PoolInputs } from "../../components/address/IpPool";
import { NetBox } from "../../provider/netbox/client";
import { initNetBox } from "../../provider/netbox/setup";
import { requester, startNetBox, tokens } from "../netbox/support";
import { type Ended, engineBinary, Project, Running } from "../support/engine";
import { ROOT } from "../support/site";

jest.setTimeout(180_000);

let engine: string;
let project: Project;

beforeAll(async () => {
  engine = await engineBinary();
});
beforeEach(() => {
  project = new Project(engine, join(ROOT, "provider", "bin"));
});
afterEach(() => project.remove());

interface Program {
  readonly pools?: Readonly<Record<string, PoolInputs>>;
  readonly claims?: Readonly<Record<string, object>>;
}

function run(
  operation: string,
  program: Program,
  env: Record<string, string> = {},
  stack = "test",
  config: Record<string, string> = {},
): Promise<Ended> {
  const job = { operation, stack, dir: project.dir, env: { ...project.env, ...env }, config, ...program };
  const host = spawn(process.execPath, [join(__dirname, "fixture", "host.cjs"), JSON.stringify(job)], {
    env: { ...process.env, ...job.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Running(host).ended;
}

/** A NetBox in this process that is ready for claims. */
async function netbox(prefix: string) {
  const { server, url } = await startNetBox();
  const admin = NetBox.connect({ url, token: tokens.admin }, { signal: new AbortController().signal });
  await initNetBox(admin, ["home"]);
  admin.close();
  const request = requester(url, tokens.admin);
  await request("POST", "/api/ipam/prefixes/", { prefix });
  const records = async () =>
    (await request("GET", "/api/ipam/ip-addresses/?limit=0")).body.results as {
      id: number;
      address: string;
      description: string;
    }[];
  const env = { PLINTH_NETBOX_URL: url, PLINTH_NETBOX_TOKEN: tokens.least };
  return { server, request, records, env };
}

const home: PoolInputs = {
  site: "home",
  name: "nodes",
  range: "10.0.3.4-10.0.3.20",
  claims: { "cp-1": {}, "cp-2": {} },
};

test("a static pool: preview shows the addresses, a no-op changes nothing, an edit moves nobody", async () => {
  const preview = await run("preview", { pools: { nodes: home } });
  expect(preview.output).toContain("cp-1 gets 10.0.3.4, cp-2 gets 10.0.3.5");
  expect(preview.output).toMatch(/nodes\/cp-1: "10\.0\.3\.4"/);
  const up = await run("up", { pools: { nodes: home } });
  expect(up.result).toEqual({ outputs: { "nodes/cp-1": "10.0.3.4", "nodes/cp-2": "10.0.3.5" } });
  expect((await run("preview", { pools: { nodes: home } })).result).toEqual({ changes: { same: 2 } });

  const edited = { ...home, claims: { "cp-0": {}, "cp-2": {} } };
  const diff = await run("preview", { pools: { nodes: edited } });
  expect(diff.output).toMatch(/- cp-1 ?:/);
  expect(diff.output).toMatch(/\+ cp-0 ?:/);
  const next = await run("up", { pools: { nodes: edited } });
  expect(next.result).toEqual({ outputs: { "nodes/cp-0": "10.0.3.6", "nodes/cp-2": "10.0.3.5" } });

  const full = await run("preview", { pools: { nodes: { ...home, range: "10.0.3.4-10.0.3.4" } } });
  expect(full.code).toBe(1);
  expect(full.output).toContain(
    "pool 10.0.3.4 has 1 left for 2 claims: 0 of 1 used; none for cp-1, cp-2 (give it at least 2 addresses)",
  );

  const other = await run("preview", { pools: { nodes: { ...edited, name: "other" } } }, {}, "second");
  expect(other.output).toContain(
    "the static pool nodes of the stack test/test gives addresses of 10.0.3.4-10.0.3.20 too",
  );
  expect((await run("destroy", {})).result).toEqual({ changes: { delete: 2 } });
  expect((await run("preview", { pools: { nodes: edited } }, {}, "second")).code).toBe(0);
});

test("NetBox: nothing reserved at preview, the same addresses after it lost them, nothing left after destroy", async () => {
  const { server, request, records, env } = await netbox("10.83.3.0/24");
  const { range: _, ...rest } = home;
  const program = {
    pools: {
      nodes: { ...rest, backend: "netbox" as const, prefix: "10.83.3.0/24", reserved: { gateway: "10.83.3.1" } },
    },
    claims: { db: { site: "home", pool: "nodes", owner: "db", prefix: "10.83.3.0/24", address: "10.83.3.99" } },
  };
  try {
    const preview = await run("preview", program, env);
    expect(preview.output).toContain("cp-1, cp-2: next free, not reserved: 10.83.3.1, 10.83.3.2");
    expect(await records()).toEqual([]);

    const up = await run("up", program, env);
    expect(up.result).toEqual({ outputs: { "nodes/cp-1": "10.83.3.2", "nodes/cp-2": "10.83.3.3", db: "10.83.3.99" } });
    expect(project.stateText()).not.toContain(tokens.least);
    expect((await run("preview", program, env)).result).toEqual({ changes: { same: 3 } });

    await request(
      "DELETE",
      "/api/ipam/ip-addresses/",
      (await records()).map(({ id }) => ({ id })),
    );
    await request("POST", "/api/ipam/ip-addresses/", { address: "10.83.3.4/24", description: "newcomer" });
    await run("refresh", program, env);
    const again = await run("up", program, env);
    expect(again.result).toEqual(up.result);

    expect((await run("destroy", program, env)).code).toBe(0);
    expect((await records()).map(({ description }) => description)).toEqual(["newcomer"]);
  } finally {
    await server.close();
  }
});

test("NetBox: URL and token come from the stack's configuration, and the token stays secret", async () => {
  const { server, env } = await netbox("10.83.6.0/24");
  const config = {
    "plinth:netbox.url": env.PLINTH_NETBOX_URL,
    "plinth:netbox.token": env.PLINTH_NETBOX_TOKEN,
  };
  const db = { site: "home", pool: "nodes", owner: "db", prefix: "10.83.6.0/24" };
  try {
    const up = await run("up", { claims: { db } }, {}, "test", config);
    if (up.code !== 0) throw new Error(up.output);
    expect(up).toMatchObject({ result: { outputs: { db: "10.83.6.1" } } });
    expect(project.stateText() + up.output).not.toContain(env.PLINTH_NETBOX_TOKEN);
    // A destroy runs no program: it knows NetBox from the state.
    expect((await run("destroy", {})).code).toBe(0);
  } finally {
    await server.close();
  }
});

test("NetBox: what is wrong is said at preview, each with its path, and NetBox is unchanged", async () => {
  const { server, records, env } = await netbox("10.83.4.0/24");
  const { range: _, ...rest } = home;
  const program = { pools: { nodes: { ...rest, backend: "netbox" as const, prefix: "10.83.4.0/24" } } };
  const db = { site: "home", pool: "nodes", owner: "db", prefix: "10.83.4.0/24" };
  const cases: [Record<string, string>, Program, string][] = [
    [{ ...env, PLINTH_NETBOX_URL: "http://127.0.0.1:9" }, program, "netbox.url"],
    [{ ...env, PLINTH_NETBOX_TOKEN: "f".repeat(40) }, program, "netbox.token"],
    [
      { ...env, PLINTH_NETBOX_TOKEN: tokens.noTags },
      program,
      "tags or custom fields cannot be read: NetBox refuses GET extras/tags/",
    ],
    [
      env,
      { pools: { nodes: { ...program.pools.nodes, prefix: "10.99.0.0/24" } } },
      "NetBox has no prefix 10.99.0.0/24 in the global table",
    ],
    [
      env,
      { pools: { nodes: { ...program.pools.nodes, claims: { a: { address: "2001:db8::1" } } } } },
      "2001:db8::1 is IPv6, the pool is not",
    ],
    [env, { pools: { nodes: { ...program.pools.nodes, site: "away" } } }, "NetBox has no tag plinth-site-away"],
    [env, { claims: { one: db, two: db } }, "the claim home/nodes/db/address is declared twice:"],
  ];
  try {
    for (const [environment, asked, message] of cases) {
      const ended = await run("preview", asked, environment);
      expect(ended.code).toBe(1);
      expect(ended.output).toContain(message);
      expect(ended.output).not.toMatch(/\n\s+at .*\.js:\d+/);
      expect(ended.output).not.toContain(environment.PLINTH_NETBOX_TOKEN);
    }
    expect(await records()).toEqual([]);
  } finally {
    await server.close();
  }
});
