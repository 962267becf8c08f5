import { changesOf, rebuildProblems, rebuildText, type Survey } from "../../cli/rebuild/plan";
import { stackOf } from "../../cli/rebuild/project";
import { hostOf } from "../../cli/rebuild/survey";
import { formatProblem } from "../../components/problem";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import type { SiteFile } from "../../components/site/spec";
import { ROOT, siteFile } from "../support/site";

// biome-ignore lint/suspicious/noExplicitAny: edited as a person edits text
function site(edit: (site: any) => void = () => undefined): SiteFile {
  const file = structuredClone(siteFile());
  edit(file);
  return file;
}
const planOf = (file: SiteFile) => planSite(parseSite(file, "site"));
const plan = planOf(
  site((file) => {
    file.talos.onDestroy = "reset";
  }),
);

const urn = (type: string, name: string) => `urn:pulumi:lab::plinth::${type}::${name}`;
const resource = (type: string, name: string, more = {}) => ({ urn: urn(type, name), type, ...more });
const standing: Survey = {
  resources: [
    resource("talos:machine/secrets:Secrets", "site-secrets", { protect: true }),
    resource("plinth:talos:ClusterRelease", "site-release", { inputs: { onDestroy: "reset" } }),
    resource("plinth:address:Pool", "site-pool-lan"),
    resource("plinth:boot:Intent", "site-boot-cp-1", { protect: true }),
    resource("random:RandomPassword", "unseal", { protect: true }),
  ],
  nodes: Object.fromEntries(plan.nodes.map(({ key }, at) => [key, `127.77.0.${11 + at}`])),
  endpoint: "https://127.77.0.10:6443",
  needed: { "the state": "s3.example.org" },
  own: ["127.0.0.1", "192.0.2.7"],
};
const problems = (more: Partial<Survey> = {}, of = plan) =>
  rebuildProblems(of, { ...standing, ...more }).map(formatProblem);

test("a cluster that can be rebuilt has no problem, and one confirmation says everything", () => {
  expect(problems()).toEqual([]);
  const text = rebuildText(plan, standing);
  const wiped = text.slice(text.indexOf("Wiped:"), text.indexOf("Left as it is:"));
  const left = text.slice(text.indexOf("Left as it is:"), text.indexOf("Order:"));
  for (const { key } of plan.nodes) expect(wiped).toContain(`  ${key} (${standing.nodes[key]})`);
  expect(left).toContain("the cluster's secrets");
  expect(left).toContain("pools site-pool-lan");
  expect(left).toContain("unseal, which is protected");
  expect(left).not.toContain("site-boot-cp-1");
  expect(left).toContain("no snapshot");
  expect(text.indexOf("wipe the workers")).toBeLessThan(text.indexOf("configure, bootstrap"));
});

test("who manages it from inside is refused, whatever of it is inside", () => {
  expect(
    problems({ needed: { "the state": "10.96.0.20", NetBox: "netbox.ipam.svc", "the boot server": "192.0.2.9" } }),
  ).toEqual([
    expect.stringMatching(/^the state: 10\.96\.0\.20 lies in .*: it would end with the cluster/),
    expect.stringMatching(/^NetBox: netbox\.ipam\.svc is the name of a service inside a cluster/),
  ]);
  expect(problems({ own: ["127.77.0.11"] })).toEqual([
    expect.stringMatching(/^this computer is a part of the cluster \(127\.77\.0\.11 is a machine/),
  ]);
  expect(problems({ own: ["10.244.3.7"] })).toHaveLength(1);
});

test("machines that would not be wiped, or not be configured, are refused before anything is done", () => {
  const keep = site((file) => {
    file.talos.onDestroy = "keep";
  });
  expect(problems({}, planOf(keep))).toEqual([expect.stringMatching(/^talos\.onDestroy: .*write reset/)]);
  const untold = resource("plinth:talos:ClusterRelease", "site-release", { inputs: { onDestroy: "keep" } });
  expect(problems({ resources: [untold] })).toEqual([expect.stringMatching(/^talos\.onDestroy/)]);
  const adopted = site((file) => {
    file.talos.onDestroy = "reset";
    file.machines["worker-1"].adopted = true;
  });
  expect(problems({}, planOf(adopted))).toEqual([expect.stringMatching(/^machines\.worker-1\.adopted/)]);
});

test("secrets that a destroy would take, and a cluster that is not there, are refused", () => {
  const [secrets, ...others] = standing.resources;
  expect(problems({ resources: [{ ...secrets, protect: false } as Survey["resources"][number], ...others] })).toEqual([
    expect.stringMatching(/^site-secrets: .*not protected/),
  ]);
  expect(problems({ resources: [] })).toEqual([expect.stringMatching(/^there is no cluster to rebuild/)]);
});

test("what did not outlive it is told, one by one", () => {
  const before = { "address of cp-1": "10.0.0.1", "the Kubernetes CA": "aa" };
  expect(changesOf(before, before)).toEqual([]);
  expect(changesOf(before, { "address of cp-1": "10.0.0.2", "the Kubernetes CA": "aa" })).toEqual([
    expect.objectContaining({ path: "address of cp-1", reason: "was 10.0.0.1 and is 10.0.0.2" }),
  ]);
  expect(changesOf(before, {})).toHaveLength(2);
});

test("the host behind any place of a state", () => {
  expect(hostOf("https://api.pulumi.com/somebody")).toBe("api.pulumi.com");
  expect(hostOf("s3://bucket?endpoint=minio.minio.svc:9000&region=x")).toBe("minio.minio.svc");
  expect(hostOf("s3://bucket?endpoint=https://10.96.0.7:9000")).toBe("10.96.0.7");
  expect(hostOf("s3://bucket")).toBeUndefined();
  expect(hostOf("file:///home/somebody/state")).toBeUndefined();
  expect(hostOf("postgres://user@10.96.1.1:5432/pulumi")).toBe("10.96.1.1");
});

test("the stack is the one whose file was named", () => {
  expect(stackOf("stacks/Pulumi.lab.yaml")).toMatchObject({ stackName: "lab", workDir: ROOT });
  expect(() => stackOf("README.md")).toThrow(/README\.md: is no stack's file/);
});
