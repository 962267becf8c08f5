import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { charts } from "../../provider/helm/charts";
import { readCrds } from "../../provider/kubernetes/crds";
import type { ChartArchive } from "../../provider/kubernetes/ports";

const signal = new AbortController().signal;
const archive = "an archive";
const digest = `sha256:${createHash("sha256").update(archive).digest("hex")}`;
const crd = (name: string) =>
  `apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: ${name}\nspec: {}\n`;

/** Stands for helm: notes how it was called, and pulls an archive where it is told to. */
const helm = (body: string) => `#!/bin/sh\necho "$@" >> "$CALLS"\n${body}\n`;
const pull = `if [ "$1" = pull ]; then while [ "$1" != --destination ]; do shift; done; printf '%s' '${archive}' > "$2/widgets-1.0.0.tgz"; fi`;

let folder: string;
const calls = () => readFileSync(join(folder, "calls"), "utf8").trim().split("\n");
const install = (body: string) => {
  const binary = join(folder, "helm");
  writeFileSync(binary, helm(body));
  chmodSync(binary, 0o755);
  process.env.PLINTH_HELM = binary;
  process.env.CALLS = join(folder, "calls");
};
const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith("plinth-chart-"));

const chart: ChartArchive = {
  name: "widgets",
  version: "1.0.0",
  chart: "widgets",
  repository: "https://charts.example.org",
  digest,
  mode: "folder",
  release: { name: "widgets", namespace: "work" },
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "helm-"));
});
afterEach(() => {
  delete process.env.PLINTH_HELM;
  delete process.env.CALLS;
  rmSync(folder, { recursive: true });
});

test("pulls the pinned version, checks it, reads its CRDs and leaves nothing behind", async () => {
  const before = leftovers();
  install(`${pull}\nif [ "$1" = show ]; then cat <<'EOF'\n${crd("a.example.org")}\n${crd("b.example.org")}EOF\nfi`);
  const opened = await charts.open(chart, signal);
  expect(opened.digest).toBe(digest);
  expect(readCrds(opened.crds, "widgets").map(({ metadata }) => metadata.name)).toEqual([
    "a.example.org",
    "b.example.org",
  ]);
  expect(calls()[0]).toMatch(/^pull widgets --version 1\.0\.0 --repo https:\/\/charts\.example\.org --destination /);
  expect(leftovers()).toEqual(before);
});

test("renders only what the chart's switch brings, for the release and the cluster it is for", async () => {
  install(`${pull}\nif [ "$1" = template ]; then printf '%s' '${crd("a.example.org")}'; fi`);
  const { repository: _, ...rest } = chart;
  const flagged = { ...rest, chart: "oci://r.example.org/widgets", mode: "template-flag", flag: "crds.on" } as const;
  await charts.open({ ...flagged, kubernetesVersion: "v1.36.3" }, signal);
  expect(calls()[0]).toMatch(/^pull oci:\/\/r\.example\.org\/widgets --version 1\.0\.0 --destination /);
  expect(calls()[1]).toMatch(
    /^template widgets \S+widgets-1\.0\.0\.tgz --namespace work --set crds\.on=true --kube-version v1\.36\.3$/,
  );
});

test("an archive that is not the pinned one is refused before it is read", async () => {
  install(pull);
  const other = `sha256:${"0".repeat(64)}`;
  await expect(charts.open({ ...chart, digest: other }, signal)).rejects.toThrow(
    `the archive of widgets 1.0.0 is ${digest}, not ${other}`,
  );
  expect(calls()).toHaveLength(1);
});

test("a folder without the archive says what to put there", async () => {
  install(pull);
  const { repository: _, ...rest } = chart;
  await expect(charts.open({ ...rest, chart: join(folder, "widgets-1.0.0.tgz") }, signal)).rejects.toThrow(
    /^there is no .*widgets-1\.0\.0\.tgz \(put the archive of widgets 1\.0\.0 there/,
  );
});

test("says what helm said, without its hints", async () => {
  install(`echo 'Error: chart requires kubeVersion: >= 9' >&2; echo >&2; echo 'Use --debug flag' >&2; exit 1`);
  await expect(charts.open(chart, signal)).rejects.toThrow(/^chart requires kubeVersion: >= 9$/);
});

test("no helm is no version, and its absence is told with the way out", async () => {
  process.env.PLINTH_HELM = join(folder, "none");
  expect(await charts.helmVersion(signal)).toBeUndefined();
  await expect(charts.open(chart, signal)).rejects.toThrow(/there is no \S+none \(install Helm/);
});

test("a cancelled update ends a running helm", async () => {
  install("sleep 30");
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("the update was cancelled")), 50);
  const began = Date.now();
  await expect(charts.open(chart, controller.signal)).rejects.toThrow("the update was cancelled");
  expect(Date.now() - began).toBeLessThan(5000);
});
