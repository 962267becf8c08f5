/**
 * A site whose licence ends, in a real lab: the preview says so, growth is refused, and a rollback, fewer machines, a
 * machine in the place of one that was taken away, and a destroy go on. The tests run in order on one instance.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { buildImage } from "../../image/build";
import { type Pins, readPins } from "../../image/pins";
import { newestPins } from "../../image/sources";
import { readState } from "../../lab/engine/engine";
import { Instance } from "../../lab/instance/instance";
import { cacheRoot } from "../../lab/places";
import { mayRunImages, runContainer, unpackImage } from "../support/image";
import { lab, mustLab, StackFile } from "../support/lab";
import { ROOT, siteFile } from "../support/site";
import { licence, vendor } from "./support";

jest.setTimeout(900_000);

const NAME = "test-licence";
const instance = new Instance(NAME);
const site = new StackFile();
const folder = mkdtempSync(path.join(tmpdir(), "plinth-licence-"));
const worker = (key: string) => siteFile().machines[key];
const up = () => lab(NAME, ["up", "--site", site.path]);

async function mustUp(): Promise<string> {
  const { code, stdout, stderr } = await up();
  if (code !== 0) throw new Error(`up ended with ${code}:\n${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

/** The image from what is pinned, or from what took its place since: what is pinned too long ago is no fault of it. */
async function builtImage(into: string): Promise<void> {
  const cache = path.join(cacheRoot(), "image");
  const build = (pins: Pins) =>
    buildImage({ pins, architecture: process.arch === "arm64" ? "arm64" : "amd64", into, cache });
  const pins = readPins();
  try {
    await build(pins);
  } catch (error) {
    if (!String(error).includes("is not to be had")) throw error;
    await build(newestPins(pins, () => pins.node.version, cache));
  }
}

/** `pulumi up` of a part of what the last command of the lab looked at. */
async function chosenUp(chosen: Readonly<Record<string, unknown>>): Promise<{ code: number; output: string }> {
  const host = path.join(__dirname, "fixture/chosen.cjs");
  const { code = 0, ...said } = (await promisify(execFile)(process.execPath, [host, NAME, JSON.stringify(chosen)], {
    timeout: 300_000,
  }).catch((error: Error & { code: number; stdout: string; stderr: string }) => error)) as {
    code?: number;
    stdout: string;
    stderr: string;
  };
  return { code, output: `${said.stdout}${said.stderr}` };
}

const mounted = path.join(folder, "licence");
const token = () => kubectl("-n", "plinth-system", "create", "token", "licence-check");
const kubectl = async (...args: string[]) => (await mustLab(NAME, "kubectl", ...args)).trim();
const nodes = async () => (await kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")).split(" ").sort();
const versions = async () => kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.osImage}");

beforeAll(async () => {
  await mustLab(NAME, "reset");
  const text = await licence({ issued: "2026-11-01T00:00:00Z", notAfter: "2100-01-01T00:00:00Z" });
  const image = `registry.example.org/plinth@sha256:${"0".repeat(64)}`;
  site.edit((file) => {
    file.licence = { text, keys: [{ x: vendor.x }], check: { image } };
    for (const key of ["cp-2", "cp-3", "worker-2"]) delete file.machines[key];
  });
  await mustUp();
});
afterAll(async () => {
  await mustLab(NAME, "reset");
  site.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("the cluster is told what is granted, and its own check may do what it does and no more", async () => {
  const entitlement = await kubectl("-n", "plinth-system", "get", "configmap", "entitlement", "-o", "jsonpath={.data}");
  expect(JSON.parse(entitlement)).toMatchObject({ verdict: "valid", customer: "ACME", tier: "enterprise" });

  const access = parse(readFileSync(instance.kubeconfig, "utf8"));
  for (const user of access.users) user.user = { token: await token() };
  const kubeconfig = path.join(folder, "kubeconfig");
  writeFileSync(kubeconfig, stringify(access), { mode: 0o600 });
  const secret = JSON.parse(await kubectl("-n", "plinth-system", "get", "secret", "licence", "-o", "jsonpath={.data}"));
  mkdirSync(mounted);
  for (const [name, text] of Object.entries<string>(secret))
    writeFileSync(path.join(mounted, name), Buffer.from(text, "base64"));
  const command = [
    path.join(ROOT, "dist/cli/main.js"),
    "licence",
    "check",
    "--folder",
    mounted,
    "--kubeconfig",
    kubeconfig,
  ];
  for (let run = 0; run < 2; run++) {
    const { stdout } = await promisify(execFile)(process.execPath, command, { timeout: 120_000 });
    expect(stdout).toMatch(/^valid: the licence acme-1/);
  }
  const metrics = await kubectl(
    "-n",
    "plinth-system",
    "get",
    "configmap",
    "licence-status",
    "-o",
    "jsonpath={.data.metrics}",
  );
  expect(metrics).toContain('plinth_licence_used{what="nodes"} 2');
  const events = await kubectl("-n", "plinth-system", "get", "events", "-o", "jsonpath={.items[*].reason}");
  expect(events.split(" ").filter((reason) => reason.startsWith("Licence"))).toEqual(["LicenceValid"]);
  const may = (verb: string, what: string) =>
    lab(NAME, ["kubectl", "auth", "can-i", verb, what, "--as=system:serviceaccount:plinth-system:licence-check", "-A"]);
  expect((await may("list", "nodes")).stdout.trim()).toBe("yes");
  expect((await may("get", "secrets")).stdout.trim()).toBe("no");
});

const contained: (name: string, test: () => Promise<void>) => void = mayRunImages()
  ? test
  : (name) => test.skip(`${name} (needs Debian's programs, and a user who may mount)`, () => undefined);

contained("plinth's own image runs the check as the CronJob does: any user, a root to read only, a token", async () => {
  const at = (name: string) => path.join(folder, name);
  const [layout, root, account] = [at("image"), at("root"), at("account")];
  await builtImage(layout);
  const image = unpackImage(layout, root);
  const { clusters } = parse(readFileSync(instance.kubeconfig, "utf8"));
  const { server, "certificate-authority-data": ca } = clusters[0].cluster;
  mkdirSync(account);
  writeFileSync(path.join(account, "ca.crt"), Buffer.from(ca, "base64"));
  writeFileSync(path.join(account, "token"), await token());
  const job = JSON.parse(await kubectl("-n", "plinth-system", "get", "cronjob", "licence-check", "-o", "json"));
  const { securityContext, containers, volumes } = job.spec.jobTemplate.spec.template.spec;
  expect(volumes).toEqual([expect.objectContaining({ name: "licence" })]);
  const { hostname, port } = new URL(server);
  const run = (user: number, args: readonly string[], command?: readonly string[]) =>
    runContainer({
      ...{ image, user, args, ...(command !== undefined && { command }) },
      env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
      volumes: {
        [containers[0].volumeMounts[0].mountPath]: mounted,
        "/var/run/secrets/kubernetes.io/serviceaccount": account,
      },
    });
  for (const user of [securityContext.runAsUser, 1_234_567])
    expect(await run(user, containers[0].args)).toMatch(/^valid: the licence acme-1/);
  const write =
    "try { require('fs').writeFileSync('/x', '') } catch ({ code }) { console.log(code, process.getuid()) }";
  expect(await run(1_234_567, ["-e", write], ["/usr/bin/node"])).toBe("EROFS 1234567\n");
});

test("an upgrade, while the licence is good", async () => {
  site.edit((file) => {
    file.talos.version = "v1.13.9";
  });
  await mustUp();
  expect(await versions()).toBe("Talos (v1.13.9) Talos (v1.13.9)");
});

test("the licence ends: the preview says so, and refuses a machine and a feature more with nothing changed", async () => {
  const ended = await licence({
    id: "acme-2",
    issued: "2026-11-02T00:00:00Z",
    notBefore: "2026-10-01T00:00:00Z",
    notAfter: "2026-11-03T00:00:00Z",
    graceDays: 0,
  });
  site.edit((file) => {
    file.licence.text = ended;
  });
  const preview = await lab(NAME, ["preview", "--site", site.path]);
  expect([preview.code, `${preview.stdout}${preview.stderr}`]).toEqual([
    0,
    expect.stringContaining("expired: the licence acme-2 ended at 2026-11-03T00:00:00Z"),
  ]);
  site.edit((file) => {
    file.machines["worker-2"] = { ...worker("worker-2"), gpus: 1 };
  });
  const refused = await up();
  expect([refused.code, `${refused.stdout}${refused.stderr}`]).toEqual([
    1,
    expect.stringMatching(/licence: nodes: 2 → 3, gpus: 0 → 1, gpu: new; the licence acme-2 ended at 2026-11-03/),
  ]);
  expect(await nodes()).toEqual(["cp-1", "worker-1"]);
});

test("an update that leaves the licence out does not grow the site either", async () => {
  const of = (type: string) => readState(instance)?.resources?.find((each) => each.type === type)?.urn ?? "";
  const [release, licence] = [of("plinth:talos:ClusterRelease"), of("plinth:licensing:Licence")];
  for (const chosen of [{ target: [release], targetDependents: true }, { exclude: [licence] }]) {
    const grown = await chosenUp(chosen);
    expect([grown.code, grown.output]).toEqual([
      1,
      expect.stringMatching(
        /nodes: 2 → 3, .*gpu: new; this update does not ask the licence.*--target 'urn:[^']*site-licence'/s,
      ),
    ]);
  }
  expect(await nodes()).toEqual(["cp-1", "worker-1"]);
  // Asked for it, the licence says what it says in a whole update.
  expect((await chosenUp({ target: [release, licence] })).output).toMatch(
    /nodes: 2 → 3, .*; the licence acme-2 ended at/,
  );
});

test("the upgrade is taken back, and a machine taken away", async () => {
  site.edit((file) => {
    delete file.machines["worker-1"];
    delete file.machines["worker-2"];
    file.talos.version = "v1.13.0";
    file.talos.allow = ["downgrade"];
  });
  await mustUp();
  expect(await nodes()).toEqual(["cp-1"]);
  expect(await versions()).toBe("Talos (v1.13.0)");
});

test("another machine takes its place, later", async () => {
  site.edit((file) => {
    file.machines["worker-2"] = worker("worker-2");
  });
  await mustUp();
  expect(await nodes()).toEqual(["cp-1", "worker-2"]);
  await mustLab(NAME, "preview", "--expect-no-changes");
  // What adds nothing needs no licence, asked or not.
  const release = readState(instance)?.resources?.find(({ type }) => type === "plinth:talos:ClusterRelease")?.urn ?? "";
  expect(await chosenUp({ target: [release] })).toMatchObject({ code: 0 });
});

test("a destroy goes through", async () => {
  await mustLab(NAME, "destroy");
});
