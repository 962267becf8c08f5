import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { packageRoot } from "../discovery";

/** Form of versions.yaml; what each field means is told at its top. */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "a digest is sha256: and 64 lower-case hex digits");
const chartVersion = z.string().regex(/^v?\d+\.\d+\.\d+$/, "a chart is pinned to one release");
/** Tag and, where it is known, digest. */
const imageVersion = z.string().regex(/^[\w][\w.-]*(@sha256:[0-9a-f]{64})?$/, "an image is pinned by tag and digest");
/** `registry/repository:tag`, and the digest where it is known. */
const image = z
  .string()
  .regex(/^[a-z0-9.-]+\.[a-z]+(\/[a-z0-9._-]+)+:[\w][\w.-]*(@sha256:[0-9a-f]{64})?$/, "an image is registry/name:tag")
  .refine((reference) => !/:(latest|stable|main|edge)(@|$)/.test(reference), "a floating tag is no version");

const crds = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.enum(["none", "folder", "release", "operator"]) }),
  z.strictObject({ mode: z.literal("template-flag"), flag: z.string().min(1) }),
]);

const goModule = z.strictObject({ path: z.string(), version: z.string().startsWith("v"), folder: z.string() });

const chart = z.strictObject({
  repository: z.string().regex(/^(https|oci):\/\/[^/]+/),
  version: chartVersion,
  digest: digest.optional(),
  crds,
  irreversible: z.literal(true).optional(),
  module: goModule.optional(),
  images: z.array(image),
});

const manifest = z.strictObject({
  url: z.string().startsWith("https://").includes("{version}"),
  version: chartVersion,
  digest: digest.optional(),
  module: goModule.optional(),
});

const ownImage = z.strictObject({
  repository: z.string().regex(/^[a-z0-9.-]+\.[a-z]+(\/[a-z0-9._-]+)+$/),
  version: imageVersion,
  spawnedBy: z.string().optional(),
});

const versionsSchema = z.strictObject({
  charts: z.record(z.string(), chart),
  manifests: z.record(z.string(), manifest),
  images: z.record(z.string(), ownImage),
});

/** Everything versions.yaml pins. */
export type Versions = z.output<typeof versionsSchema>;
/** Where a chart comes from, its version and what it brings. */
export type ChartPin = Versions["charts"][string];
/** Where a chart keeps its CRDs. */
export type CrdMode = ChartPin["crds"];

/** Reads the text of a versions.yaml; throws where it is not of its form, which is a fault of plinth. */
export function parseVersions(text: string): Versions {
  return versionsSchema.parse(parse(text));
}

let loaded: Versions | undefined;

/** The versions of this release of plinth. */
export function versions(): Versions {
  loaded ??= parseVersions(readFileSync(join(packageRoot, "components", "release", "versions.yaml"), "utf8"));
  return loaded;
}

/** The pin of a chart. */
export function chartPin(name: string): ChartPin {
  return entry(versions().charts, name, "chart");
}

/** Reference of an image that plinth names itself, as `docker.io/hashicorp/vault:2.0.1`. */
export function imageReference(name: string): string {
  const { repository, version } = entry(versions().images, name, "image");
  return `${repository}:${version}`;
}

function entry<T>(table: Readonly<Record<string, T>>, name: string, what: string): T {
  const found = table[name];
  if (found === undefined) throw new Error(`versions.yaml pins no ${what} ${name}`);
  return found;
}

/** Where charts are taken from instead of their own repositories. */
export interface ChartMirror {
  /** Folder of archives `<name>-<version>.tgz`. */
  readonly folder?: string;
  /**
   * `sha256:…` of archives in the folder that were packed anew, by file name: their bytes are not the published ones.
   * @default - the digests of versions.yaml count
   */
  readonly digests?: Readonly<Record<string, string>>;
  /** Registry that holds every chart under its own name, as `oci://registry.local/charts`. */
  readonly registry?: string;
}

/** A chart as Helm is told to find it. */
export interface ChartSource {
  /** A path, an `oci://` reference, or the chart's name in `repository`. */
  readonly chart: string;
  /** Chart repository. @default - `chart` says it all */
  readonly repository?: string;
}

/** File name of a chart's archive. */
export function archiveName(name: string, version: string): string {
  return `${name}-${version}.tgz`;
}

/** Where a chart comes from: the folder, the mirror, or its own repository, in this order. */
export function chartSource(name: string, pin: ChartPin, mirror: ChartMirror = {}): ChartSource {
  if (mirror.folder !== undefined) return { chart: join(mirror.folder, archiveName(name, pin.version)) };
  const base = mirror.registry ?? pin.repository;
  if (base.startsWith("oci://")) return { chart: `${base.replace(/\/+$/, "")}/${name}` };
  return { chart: name, repository: base };
}
