import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { parse } from "yaml";
import { registerLicence } from "../../cli/commands/licence";
import { checkInside } from "../../cli/licence/inside";
import { metricsText, pushMetrics } from "../../cli/licence/metrics";
import { RELEASED } from "../../components/licensing/released";
import { LICENCE_STATES } from "../../components/licensing/verdict";
import type { KubernetesObject, Objects } from "../../provider/kubernetes/ports";
import { ROOT } from "../support/site";
import { licence, vendor } from "./support";

/** A cluster of which only what the check may touch answers. */
class Cluster implements Objects {
  readonly written = new Map<string, KubernetesObject>();
  nodes: KubernetesObject[] = [];

  async get({ name }: { name: string }) {
    return this.written.get(name);
  }
  async list() {
    return this.nodes;
  }
  async apply(object: KubernetesObject) {
    this.written.set(object.metadata.name, object);
    return object;
  }
  heads = this.refused;
  rehearse = this.refused;
  strip = this.refused;
  remove = this.refused;
  private async refused(): Promise<never> {
    throw new Error("the check may not do this");
  }

  get events(): readonly unknown[] {
    return [...this.written.values()].filter(({ kind }) => kind === "Event").map(({ reason }) => reason);
  }
  status(): Record<string, string> {
    return this.written.get("licence-status")?.data as Record<string, string>;
  }
}

function node(name: string, over: { controlPlane?: boolean; gpus?: string; uuid?: string } = {}): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: over.controlPlane === true ? { "node-role.kubernetes.io/control-plane": "" } : {} },
    status: {
      capacity: { cpu: "8", ...(over.gpus !== undefined && { "nvidia.com/gpu": over.gpus }) },
      nodeInfo: { systemUUID: over.uuid ?? `uuid-of-${name}` },
    },
  };
}

let folder: string;
let cluster: Cluster;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-licence-"));
  writeFileSync(path.join(folder, "keys.json"), JSON.stringify({ keys: [{ x: vendor.x }] }));
  cluster = new Cluster();
  cluster.nodes = ["cp-1", "cp-2", "cp-3"].map((name) => node(name, { controlPlane: true }));
});
afterEach(() => rmSync(folder, { recursive: true }));

const check = (time = "2026-11-20T00:00:00Z") =>
  checkInside(cluster, folder, new Date(time), new AbortController().signal);
const put = (name: string, text: string) => writeFileSync(path.join(folder, name), text);

test("the nodes that are there are what counts", async () => {
  put("licence.jws", await licence({ limits: { nodes: 3, gpus: 2 } }));
  expect((await check()).use).toEqual({ sites: 1, nodes: 3, gpus: 0, features: ["multi-node", "high-availability"] });
  cluster.nodes.push(node("gpu-1", { gpus: "8" }));
  const { verdict } = await check();
  expect(verdict.state).toBe("over-limit");
  expect(cluster.status()).toMatchObject({
    verdict: "over-limit",
    reason: expect.stringContaining("4 nodes, 1 more than the 3 of the licence; 8 gpus, 6 more than the 2"),
  });
});

test("a licence for a machine is for the machine that is there, not for the one that the site file names", async () => {
  put("licence.jws", await licence({ devices: { uuids: ["UUID-of-cp-2"], wwids: [] } }));
  expect((await check()).verdict.state).toBe("valid");
  cluster.nodes = [node("cp-1"), node("cp-2", { uuid: "another" })];
  expect((await check()).verdict.state).toBe("wrong-device");
  put("licence.jws", await licence({ devices: { uuids: [], wwids: ["naa.5"] } }));
  put("devices.json", JSON.stringify({ wwids: ["naa.5"] }));
  expect((await check()).verdict.state).toBe("valid");
});

test("an Event tells of a verdict that changed, once", async () => {
  put("licence.jws", await licence());
  await check();
  await check("2026-11-21T00:00:00Z");
  await check("2027-02-01T00:00:00Z");
  await check("2027-02-02T00:00:00Z");
  expect(cluster.events).toEqual(["LicenceValid", "LicenceExpired"]);
});

test("a clock that is turned back inside the cluster is noticed, by what was written down before", async () => {
  put("licence.jws", await licence());
  await check("2027-02-01T00:00:00Z");
  expect((await check("2026-11-20T00:00:00Z")).verdict.state).toBe("expired");
  await cluster.apply({ ...(cluster.written.get("licence-status") ?? node("")), data: { mark: "{torn" } });
  expect((await check("2026-11-20T00:00:00Z")).verdict.state).toBe("valid");
});

test("metrics say how it stands, and no name of anybody", async () => {
  put("licence.jws", await licence());
  const { metrics } = await check();
  expect(metrics).toContain("plinth_licence_entitled 1\n");
  expect(metrics).toContain('plinth_licence_verdict{verdict="valid"} 1\n');
  expect(metrics).toContain('plinth_licence_verdict{verdict="expired"} 0\n');
  expect(metrics).toContain("plinth_licence_days_left 42\n");
  expect(metrics).toContain('plinth_licence_used{what="nodes"} 3\n');
  expect(metrics).toContain('plinth_licence_limit{what="nodes"} 5\n');
  expect(metrics).not.toContain('{what="sites"}');
  expect(metrics).not.toMatch(/acme|cp-1|uuid/i);
  expect(metrics.match(/^plinth_licence_verdict/gm)).toHaveLength(LICENCE_STATES.length);
});

test("outside of a cluster, and in a pod without a token, it says what is missing", async () => {
  const program = new Command();
  registerLicence(program);
  const check = () => program.parseAsync(["licence", "check", "--folder", folder], { from: "user" });
  await expect(check()).rejects.toThrow(
    /--kubeconfig: is not given, and this runs in no cluster \(name the cluster's kubeconfig\)/,
  );
  process.env.KUBERNETES_SERVICE_HOST = "127.0.0.1";
  try {
    await expect(check()).rejects.toThrow(
      /this pod has no \/var\/run\/secrets\/.*\/token \(let the pod have the token/,
    );
  } finally {
    delete process.env.KUBERNETES_SERVICE_HOST;
  }
});

test("metrics go to a Pushgateway; one that refuses is told of", async () => {
  const seen: string[] = [];
  let answer = 200;
  const server = createServer((request, response) => {
    request.on("data", (chunk) => seen.push(`${request.method} ${request.url} ${chunk}`));
    request.on("end", () => response.writeHead(answer).end());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/metrics/job/plinth-licence`;
    await pushMetrics(url, "a 1\n");
    expect(seen).toEqual(["PUT /metrics/job/plinth-licence a 1\n"]);
    answer = 503;
    await expect(pushMetrics(url, "a 1\n")).rejects.toThrow(/it answers 503 \(what was found stands in ConfigMap/);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

test.each<[string, Record<string, string>, Record<string, string>, number]>([
  ["AMD's and another's", { "amd.com/gpu": "2", "habana.example/gpu": "1" }, {}, 3],
  [
    "Intel's, by either driver, and not its monitor",
    { "gpu.intel.com/i915": "2", "gpu.intel.com/xe": "1", "gpu.intel.com/i915_monitoring": "1" },
    {},
    3,
  ],
  ["shared ones, where nothing tells how many there are", { "nvidia.com/gpu.shared": "8" }, {}, 8],
  ["shared ones, where a label does", { "nvidia.com/gpu": "8" }, { "nvidia.com/gpu.count": "2" }, 2],
  ["parts", { "nvidia.com/mig-1g.5gb": "7", "nvidia.com/gpu": "0" }, {}, 1],
  ["parts, where a label tells of what", { "nvidia.com/mig-1g.5gb": "14" }, { "nvidia.com/gpu.count": "2" }, 2],
  ["a label of a card that is gone", { "nvidia.com/gpu": "0" }, { "nvidia.com/gpu.count": "2" }, 0],
  ["what is no number", { "amd.com/gpu": "many" }, {}, 0],
])("GPUs: %s", async (_, capacity, labels, gpus) => {
  put("licence.jws", await licence());
  const each = node("gpu-1");
  Object.assign((each.status as { capacity: object }).capacity, capacity);
  Object.assign(each.metadata.labels ?? {}, labels);
  cluster.nodes = [each];
  expect((await check()).use.gpus).toBe(gpus);
});

test("a clock before plinth was made does not bring an ended licence back, inside and at a desk", async () => {
  const issued = { issued: "2026-01-01T00:00:00Z", notBefore: "2026-01-01T00:00:00Z" };
  put("licence.jws", await licence({ ...issued, notAfter: "2026-10-01T00:00:00Z", graceDays: 0 }));
  expect((await check("2026-05-01T00:00:00Z")).verdict).toMatchObject({
    state: "expired",
    warnings: [expect.stringContaining(`this plinth was released at ${RELEASED}`)],
  });
  const said: string[] = [];
  jest.spyOn(console, "log").mockImplementation((text) => void said.push(String(text)));
  jest.useFakeTimers({ now: new Date("2026-05-01T00:00:00Z"), doNotFake: ["setTimeout", "nextTick"] });
  try {
    const program = new Command();
    registerLicence(program);
    const at = (name: string) => path.join(folder, name);
    await program.parseAsync(["licence", "verify", at("licence.jws"), "--keys", at("keys.json")], { from: "user" });
    expect(said.join("\n")).toMatch(/^expired: .*ended at 2026-10-01T00:00:00Z/);
  } finally {
    jest.useRealTimers();
    jest.restoreAllMocks();
    process.exitCode = undefined;
  }
});

test("each alert rule fires when it should, and not before", async () => {
  put("licence.jws", await licence());
  const hour = 3_600_000;
  const found = async (time: string) => (await check(time)).metrics;
  const firing = (metrics: string, time: string) => alerts(metrics, new Date(time));
  const good = await found("2026-11-20T00:00:00Z");
  expect(firing(good, "2026-11-20T12:00:00Z")).toEqual([]);
  expect(firing(good, "2026-11-24T00:00:00Z")).toEqual(["LicenceNotChecked"]);
  expect(firing("", "2026-11-20T12:00:00Z")).toEqual(["LicenceNotChecked"]);
  const soon = "2026-12-20T00:00:00Z";
  expect(firing(await found(soon), soon)).toEqual(["LicenceEndsSoon"]);
  const ended = new Date(Date.parse("2027-01-15T00:00:00Z") + hour).toISOString();
  expect(firing(await found(ended), ended)).toEqual(["LicenceNotGood"]);
});

/** Rules that would fire, by as much of PromQL as they are written in; any other is an error. */
function alerts(metrics: string, now: Date): readonly string[] {
  const value = (name = "") => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1] ?? Number.NaN);
  const holds = (term: string): boolean => {
    const [, absent] = /^absent\((\w+)\)$/.exec(term) ?? [];
    if (absent !== undefined) return Number.isNaN(value(absent));
    const [, age, name, sign, ...factors] = /^(time\(\) - )?(\w+) (==|<|>) (\d+)(?: \* (\d+))?$/.exec(term) ?? [];
    if (name === undefined) throw new Error(`${term} is more than this test knows`);
    const left = age === undefined ? value(name) : now.getTime() / 1000 - value(name);
    const right = factors.reduce((product, factor) => product * Number(factor ?? 1), 1);
    return sign === "==" ? left === right : sign === "<" ? left < right : left > right;
  };
  return rules()
    .filter(({ expr }) => expr.split(" or ").some(holds))
    .map(({ alert }) => alert);
}

const rules = (): readonly { alert: string; expr: string }[] =>
  parse(readFileSync(path.join(ROOT, "docs/licence-alerts.yaml"), "utf8")).groups.flatMap(
    ({ rules: some }: { rules: readonly object[] }) => some,
  );

test("the alert rules ask for metrics that there are", async () => {
  put("licence.jws", await licence());
  const { verdict, use } = await check();
  const told = metricsText(verdict, use, new Date());
  expect(rules().map(({ alert }) => alert)).toEqual(["LicenceNotGood", "LicenceEndsSoon", "LicenceNotChecked"]);
  for (const { expr } of rules())
    for (const name of expr.match(/plinth_\w+/g) ?? [expr]) expect(told).toContain(`# TYPE ${name} gauge\n`);
});
