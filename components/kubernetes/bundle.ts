import { join } from "node:path";
import { archiveName, type ChartMirror, type ChartPin, chartSource, versions } from "../release/versions";
import type { BundledChart } from "./CrdBundle";
import type { ChartSpec } from "./service";

/** What a {@link CrdBundle} is told about a chart; `undefined` for one that has no CRDs to be applied and no digest. */
export function bundledChart(
  { name, namespace }: ChartSpec,
  pin: ChartPin,
  mirror: ChartMirror,
): BundledChart | undefined {
  const applied = pin.crds.mode === "folder" || pin.crds.mode === "template-flag";
  const digest = archiveDigest(name, pin, mirror);
  if (!applied && digest === undefined) return undefined;
  return {
    ...chartSource(name, pin, mirror),
    version: pin.version,
    ...(digest !== undefined && { digest }),
    mode: pin.crds.mode === "folder" || pin.crds.mode === "template-flag" ? pin.crds.mode : "none",
    ...(pin.crds.mode === "template-flag" && { flag: pin.crds.flag }),
    release: { name, namespace },
  };
}

/** The digest that a chart's archive must have, where it is known. */
export function archiveDigest(name: string, pin: ChartPin, mirror: ChartMirror): string | undefined {
  return mirror.digests?.[archiveName(name, pin.version)] ?? pin.digest;
}

/** What a {@link CrdBundle} is told about a plain file of CRDs. */
export function bundledManifest(name: string, mirror: ChartMirror): BundledChart {
  const manifest = versions().manifests[name];
  if (manifest === undefined) throw new Error(`versions.yaml pins no manifest ${name}`);
  const { url, version } = manifest;
  const file = `${name}-${version}.yaml`;
  const digest = mirror.digests?.[file] ?? manifest.digest;
  return {
    chart: mirror.folder === undefined ? url.replace("{version}", version) : join(mirror.folder, file),
    version,
    ...(digest !== undefined && { digest }),
    mode: "manifest",
    release: { name, namespace: "kube-system" },
  };
}
