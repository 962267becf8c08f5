import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { parseAllDocuments } from "yaml";
import { archiveName, versions } from "../../components/release/versions";
import { KUBERNETES_LATEST } from "../../components/talos/releases";
import { helm } from "../../provider/helm/run";
import { RELEASES } from "../look/kubernetes";
import { CLUSTER } from "../look/talos";
import type { RenderedChart, Stored } from "../rule";
import { stored } from "./stored";

/** Longest rendering of one chart in seconds. */
const RENDER_SECONDS = 60;

/** Where archives are, and where what they render is kept. */
export interface ChartPlaces {
  /** Folder of archives `<name>-<version>.tgz`. */
  readonly archives: string;
  /** Digests by file name of archives that their user has packed: they count in the place of the published ones. */
  readonly digests?: Readonly<Record<string, string>>;
  /** Folder that keeps rendered charts by the digest of everything they were made of. */
  readonly cache: string;
}

/** What the releases of a stack render, as far as their archives are at hand. A release hides its objects. */
export async function renderCharts(
  resources: readonly Stored[],
  places: ChartPlaces,
  signal: AbortSignal,
): Promise<readonly RenderedChart[]> {
  const charts: RenderedChart[] = [];
  const kubernetes = kubernetesOf(resources);
  for (const release of resources.filter(({ type }) => RELEASES.includes(type))) {
    const archive = archiveOf(release, places.archives);
    if (archive !== undefined) charts.push(await render(release, archive, kubernetes, places, signal));
  }
  return charts;
}

/** What the stack's cluster runs: for another version a chart renders other objects, or none at all. */
function kubernetesOf(resources: readonly Stored[]): string {
  const said = resources.find(({ type, open }) => type === CLUSTER && typeof open.kubernetesVersion === "string");
  return said?.open.kubernetesVersion ?? Object.values(KUBERNETES_LATEST).at(-1) ?? "";
}

/** The release's archive: the path it names, or the file of its name and version. */
function archiveOf({ open }: Stored, folder: string): string | undefined {
  const chart = String(open.chart ?? "");
  const name = chart.slice(chart.lastIndexOf("/") + 1);
  const named = isAbsolute(chart) ? chart : join(folder, archiveName(name, String(open.version ?? "")));
  return named.endsWith(".tgz") && existsSync(named) ? named : undefined;
}

async function render(
  release: Stored,
  archive: string,
  kubernetes: string,
  { cache, digests = {} }: ChartPlaces,
  signal: AbortSignal,
): Promise<RenderedChart> {
  const { open } = release;
  const name = String(open.name ?? release.name);
  const namespace = String(open.namespace ?? "default");
  const bytes = readFileSync(archive);
  const values = JSON.stringify(open.values ?? {});
  const crds = open.skipCrds === true ? "--skip-crds" : "--include-crds";
  const parts = [name, namespace, kubernetes, crds, values];
  const key = createHash("sha256")
    .update(bytes)
    .update(`\0${parts.join("\0")}`)
    .digest("hex");
  const kept = join(cache, `${key}.yaml`);
  if (!existsSync(kept)) {
    mkdirSync(cache, { recursive: true });
    const input = join(cache, `${key}.values.json`);
    writeFileSync(input, values, { mode: 0o600 });
    const cluster = ["--namespace", namespace, "--kube-version", kubernetes];
    const args = ["template", name, archive, ...cluster, crds, "--values", input];
    try {
      writeFileSync(`${kept}.new`, await helm(args, RENDER_SECONDS, signal), { mode: 0o600 });
      renameSync(`${kept}.new`, kept);
    } finally {
      rmSync(input, { force: true });
    }
  }
  const file = archive.slice(archive.lastIndexOf("/") + 1);
  const [, chart = file, version = ""] = /^(.+)-(v?\d+\.\d+\.\d+.*)\.tgz$/.exec(file) ?? [];
  const pin = versions().charts[chart];
  const published = digests[file] ?? pin?.digest;
  return {
    name: chart,
    version,
    digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
    ...(pin !== undefined && {
      pin: { version: pin.version, images: pin.images, ...(published && { digest: published }) },
    }),
    objects: objectsIn(readFileSync(kept, "utf8"), release, namespace),
  };
}

/** Objects of rendered YAML, as if the program had declared them below the release. */
function objectsIn(text: string, release: Stored, namespace: string): readonly Stored[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((object) => object?.kind !== undefined && object?.metadata !== undefined)
    .map((object) => {
      const group = String(object.apiVersion).includes("/") ? object.apiVersion : `core/${object.apiVersion}`;
      const type = `kubernetes:${group}:${object.kind}`;
      const metadata = { namespace, ...object.metadata };
      return stored({ urn: `${release.urn}$${type}::${object.metadata.name}`, type, inputs: { ...object, metadata } });
    });
}
