/** The one real implementation of {@link Charts}: the official helm in a folder of its own that is removed again. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChartArchive, ChartError, type Charts } from "../kubernetes/ports";
import { traced } from "../trace";
import { helm } from "./run";

/** Longest duration of calls in seconds. */
const FETCH = 180;
const RENDER = 60;

export const charts: Charts = traced<Charts>("charts", {
  async open(archive, signal) {
    const folder = await mkdtemp(join(tmpdir(), "plinth-chart-"));
    try {
      const file = await fetched(archive, folder, signal);
      const bytes = await readFile(file);
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      if (archive.digest !== undefined && archive.digest !== digest) {
        throw new ChartError(
          `the archive of ${archive.name} ${archive.version} is ${digest}, not ${archive.digest} (it is not the one that was pinned: find out who changed it)`,
        );
      }
      return { digest, crds: await crdsOf(archive, file, signal) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  async helmVersion(signal) {
    try {
      return (await helm(["version", "--template", "{{.Version}}"], 10, signal)).trim();
    } catch (error) {
      if (error instanceof ChartError) return undefined;
      throw error;
    }
  },
});

/** Path of the archive: where it is already, or where it was brought. */
async function fetched(archive: ChartArchive, folder: string, signal: AbortSignal): Promise<string> {
  const { chart, repository, version } = archive;
  if (archive.mode === "manifest" && chart.startsWith("https://")) return downloaded(archive, folder, signal);
  if (repository === undefined && !chart.startsWith("oci://")) return existing(archive);
  const from = repository === undefined ? [] : ["--repo", repository];
  await helm(["pull", chart, "--version", version, ...from, "--destination", folder], FETCH, signal);
  const [file] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  if (file === undefined) throw new ChartError(`helm pull of ${archive.name} ${version} brought no archive`);
  return join(folder, file);
}

async function existing({ name, version, chart }: ChartArchive): Promise<string> {
  const found = await readFile(chart).catch(() => undefined);
  if (found !== undefined) return chart;
  throw new ChartError(
    `there is no ${chart} (put the archive of ${name} ${version} there, or unset PLINTH_CHARTS_DIR to fetch it)`,
  );
}

async function downloaded({ name, chart }: ChartArchive, folder: string, signal: AbortSignal): Promise<string> {
  const bound = AbortSignal.any([signal, AbortSignal.timeout(FETCH * 1000)]);
  try {
    const response = await fetch(chart, { signal: bound });
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, Buffer.from(await response.arrayBuffer()));
    return file;
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : error;
    throw new ChartError(`${chart} cannot be fetched: ${cause}`);
  }
}

function crdsOf(
  { mode, flag, release, kubernetesVersion }: ChartArchive,
  file: string,
  signal: AbortSignal,
): Promise<string> {
  switch (mode) {
    case "none":
      return Promise.resolve("");
    case "manifest":
      return readFile(file, "utf8");
    case "folder":
      return helm(["show", "crds", file], RENDER, signal).then(separated);
    case "template-flag": {
      const cluster = kubernetesVersion === undefined ? [] : ["--kube-version", kubernetesVersion];
      const args = ["template", release.name, file, "--namespace", release.namespace, "--set", `${flag}=true`];
      return helm([...args, ...cluster], RENDER, signal);
    }
  }
}

/** Helm shows files one after the other without a line between: a new `apiVersion` begins a new document. */
function separated(text: string): string {
  return text
    .split(/^---.*$/m)
    .flatMap((part) => part.split(/^(?=apiVersion:)/m))
    .join("\n---\n");
}
