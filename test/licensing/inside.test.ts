import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { parse } from "yaml";
import { registerLicence } from "../../cli/commands/licence";
import { checkInside } from "../../cli/licence/inside";
import { metricsText, pushMetrics } from "../../cli/licence/metrics";
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

test("the alert rules ask for metrics that there are", async () => {
  put("licence.jws", await licence());
  const { verdict, use } = await check();
  const told = metricsText(verdict, use, new Date());
  const rules = parse(readFileSync(path.join(ROOT, "docs/licence-alerts.yaml"), "utf8")).groups.flatMap(
    ({ rules: some }: { rules: { alert: string; expr: string }[] }) => some,
  );
  expect(rules.map(({ alert }: { alert: string }) => alert)).toEqual([
    "LicenceNotGood",
    "LicenceEndsSoon",
    "LicenceNotChecked",
  ]);
  for (const { expr } of rules)
    for (const name of expr.match(/plinth_\w+/g) ?? [expr]) expect(told).toContain(`# TYPE ${name} gauge\n`);
});
