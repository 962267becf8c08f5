import * as pulumi from "@pulumi/pulumi";
import { formatProblem } from "../../../components/problem";
import { checkSite } from "../../../components/site/parse";
import { Site } from "../../../components/site/Site";
import type { SiteFile } from "../../../components/site/spec";
import { recordGraph } from "../../support/graph";
import { answered, PRIVATE, siteAt } from "../sites";

const COMMAND = "command:remote:Command";

const rescued = (edit: (machine: SiteFile["machines"][string]) => void = () => undefined) =>
  siteAt("metal", (site) => {
    site.machines["worker-2"].rescue = { host: "203.0.113.7", hostname: "rescue" };
    edit(site.machines["worker-2"]);
  });

const keys = { "rescue-key": PRIVATE };
const graph = (site: SiteFile, secrets: Readonly<Record<string, string>> = keys) => {
  const secret = (name: string) => (name in secrets ? pulumi.secret(secrets[name] ?? "") : undefined);
  return recordGraph(() => new Site("site", { site, secret }), { resource: answered, call: () => ({}) });
};

test("a machine in a rescue system is written to before it is configured, and its key is secret", async () => {
  const { resources } = await graph(rescued());
  const [written, ...more] = resources.filter(({ type }) => type === COMMAND);
  expect([written?.name, more]).toEqual(["site-machines-worker-2-talos", []]);
  expect(pulumi.runtime.isRpcSecret(written?.inputs.connection)).toBe(true);
  expect((written?.inputs.connection as { readonly value: object } | undefined)?.value).toMatchObject({
    host: "203.0.113.7",
    user: "root",
    privateKey: PRIVATE,
    dialErrorLimit: 60,
    perDialTimeout: 10,
  });
  expect(String(written?.inputs.create)).toContain("/metal-amd64.raw.xz' sha256='' generation=1 hostname='rescue'");
  expect(String(written?.inputs.create)).not.toContain(PRIVATE);
  const after = (key: string) => resources.find(({ name }) => name === `site-${key}`)?.dependsOn;
  expect(after("worker-2")).toContain("site-machines-worker-2-talos");
  expect(after("worker-1")).not.toContain("site-machines-worker-2-talos");
});

test("another image never writes it again; another machine under its key does, by its generation", async () => {
  const command = async (edit: (machine: SiteFile["machines"][string]) => void, version = "v1.13.9") => {
    const site = rescued(edit);
    site.talos.version = version;
    return (await graph(site)).resources.find(({ type }) => type === COMMAND);
  };
  const first = await command(() => undefined);
  const other = await command(() => undefined, "v1.13.8");
  expect(other?.name).toBe(first?.name);
  expect(other?.inputs.create).not.toBe(first?.inputs.create);
  expect(other?.ignoreChanges).toEqual(expect.arrayContaining(["create", "connection", "environment"]));
  const next = await command((machine) => {
    machine.generation = 2;
  });
  expect(next?.name).toBe("site-machines-worker-2-talos-g2");
  expect(String(next?.inputs.create)).toContain("generation=2");
});

test("what does not go together is refused, and so is a stack without the key", async () => {
  const problems = (site: SiteFile) => checkSite(site).problems.map(formatProblem);
  expect(problems(rescued())).toEqual([]);
  expect(
    problems(
      rescued((machine) => {
        machine.adopted = true;
      }),
    ),
  ).toEqual([expect.stringMatching(/^machines\.worker-2\.rescue: the machine runs already/)]);
  const cloud = siteAt("hetzner", (site) => {
    site.machines["cp-1"].rescue = {};
  });
  expect(problems(cloud)).toEqual([
    "machines.cp-1.rescue: Hetzner Cloud brings Talos some other way (remove it, or write provider: metal)",
  ]);
  await expect(graph(rescued(), {})).rejects.toThrow(
    /machines\.worker-2\.rescue: this stack has no secret "rescue-key" \(pulumi config set --secret secrets:rescue-key/,
  );
});
