import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { PoolInputs, PoolOutputs } from "../../../components/address/IpPool";
import { NetBox } from "../../../provider/netbox/client";
import { initNetBox } from "../../../provider/netbox/setup";
import { NetBoxServer, type RequestEvent } from "../server";
import type { Job } from "./victim";

/**
 * Kills the program that claims addresses with -9 at every boundary of every request: when NetBox has received it and
 * does nothing, and when NetBox has done it and cannot answer any more. The next run must end with the same addresses
 * and no record too many.
 */
const token = "0123456789abcdef0123456789abcdef01234567";
const prefix = "127.83.9.0/26";

const first: PoolInputs = {
  site: "crash",
  name: "nodes",
  backend: "netbox",
  prefix,
  reserved: { "network.gateway": "127.83.9.1" },
  claims: {
    "cp-1": { dnsName: "cp-1.crash" },
    "cp-2": {},
    "cp-3": {},
    vip: { purpose: "vip", address: "127.83.9.40" },
  },
};
const second: PoolInputs = {
  ...first,
  claims: { "cp-1": { dnsName: "one.crash" }, "cp-2": {}, "cp-4": {}, vip: { purpose: "vip", address: "127.83.9.41" } },
};

/** What happens in a scenario, after everything before it happened. */
const scenarios = ["create", "update", "delete"] as const;
type Scenario = (typeof scenarios)[number];

/** A NetBox of one trial, which can be told to kill a child at one moment. */
class Trial {
  private events = 0;
  private killAt: number | undefined;
  private victim: ChildProcess | undefined;

  private constructor(
    private readonly server: NetBoxServer,
    private readonly url: string,
  ) {}

  static async start(): Promise<Trial> {
    let trial: Trial | undefined;
    const onRequest = (event: RequestEvent) => trial?.onEvent(event);
    const server = new NetBoxServer({ tokens: [{ token, permissions: ["*"] }], onRequest });
    const url = await server.listen();
    const netbox = NetBox.connect({ url, token }, { signal: new AbortController().signal });
    await initNetBox(netbox, ["crash"]);
    netbox.close();
    server.store.transaction(() =>
      server.store.insert("prefixes", {
        prefix,
        vrf: null,
        tags: [],
        custom_fields: {},
        is_pool: false,
        status: "active",
      }),
    );
    trial = new Trial(server, url);
    return trial;
  }

  /** Runs one operation; with `killAt` its process ends at that moment. Returns how many moments it passed. */
  async run(
    job: Omit<Job, "url" | "token">,
    killAt?: number,
  ): Promise<{ moments: number; outputs?: PoolOutputs; killed: boolean }> {
    this.events = 0;
    this.killAt = killAt;
    const argument = JSON.stringify({ ...job, url: this.url, token } satisfies Job);
    const victim = spawn(process.execPath, [join(__dirname, "victim.js"), argument], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.victim = victim;
    let text = "";
    victim.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    const signal = await new Promise<NodeJS.Signals | null>((resolve) =>
      victim.on("close", (_code, by) => resolve(by)),
    );
    const result = text === "" ? undefined : (JSON.parse(text) as { outputs: PoolOutputs; failures?: string[] });
    if (signal === null && victim.exitCode !== 0) throw new Error(`${job.operation} failed by itself`);
    if (result?.failures) throw new Error(`${job.operation} reached only a part: ${result.failures.join("; ")}`);
    return { moments: this.events, killed: signal === "SIGKILL", ...(result && { outputs: result.outputs }) };
  }

  /** Addresses and what they are for. */
  get records(): string[] {
    return this.server.store
      .all("ip-addresses")
      .map(({ address, description, dns_name }) => `${String(address)} ${String(description)} ${String(dns_name)}`)
      .sort();
  }

  close(): Promise<void> {
    return this.server.close();
  }

  private onEvent({ phase }: RequestEvent): void {
    const moment = this.events++;
    if (moment !== this.killAt) return;
    this.victim?.kill("SIGKILL");
    if (phase === "received") throw new Error("the request is lost with its sender");
  }
}

/** Brings a trial to where the scenario begins and returns its job. */
async function begin(trial: Trial, scenario: Scenario): Promise<Omit<Job, "url" | "token">> {
  if (scenario === "create") return { operation: "create", inputs: first };
  const { outputs } = await trial.run({ operation: "create", inputs: first });
  if (!outputs) throw new Error("the create told no addresses");
  return { operation: scenario, inputs: scenario === "update" ? second : first, prior: { inputs: first, outputs } };
}

/** Kills at every moment of a scenario. Returns how many moments there are and what went wrong. */
async function tryScenario(scenario: Scenario): Promise<{ moments: number; failures: string[] }> {
  const clean = await Trial.start();
  const { moments, outputs: wanted } = await clean.run(await begin(clean, scenario));
  const records = clean.records;
  await clean.close();
  const failures: string[] = [];
  for (let moment = 0; moment < moments; moment++) {
    const trial = await Trial.start();
    try {
      const job = await begin(trial, scenario);
      const { killed } = await trial.run(job, moment);
      if (!killed) throw new Error("the run ended before this moment");
      const { outputs } = await trial.run(job);
      if (!isDeepStrictEqual(outputs?.addresses, wanted?.addresses))
        throw new Error(`other addresses: ${JSON.stringify(outputs?.addresses)}`);
      if (!isDeepStrictEqual(trial.records, records)) throw new Error(`other records: ${trial.records.join(", ")}`);
    } catch (error) {
      failures.push(`${scenario} at moment ${moment}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await trial.close();
    }
  }
  return { moments, failures };
}

/** Fewest moments of each scenario: with fewer the test would have shrunk unseen. */
const fewest: Readonly<Record<Scenario, number>> = { create: 24, update: 26, delete: 4 };

async function main(): Promise<void> {
  let passed = 0;
  const failures: string[] = [];
  for (const scenario of scenarios) {
    const result = await tryScenario(scenario);
    if (result.moments < fewest[scenario]) result.failures.push(`${scenario}: only ${result.moments} moments`);
    console.log(`${scenario}: killed at ${result.moments} request boundaries, ${result.failures.length} failed`);
    failures.push(...result.failures);
    passed += result.moments - result.failures.length;
  }
  for (const failure of failures) console.log(`FAILED  ${failure}`);
  console.log(`address crash points: ${passed} passed, ${failures.length} failed`);
  if (failures.length > 0) process.exitCode = 1;
}

void main();
