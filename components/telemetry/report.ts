/**
 * What a site may tell of itself. A list of what is allowed, not of what is taken out: every text in it is one of a
 * known few or a version, so that no name, address or secret has a place to stand.
 */
import { z } from "zod";
import { version as plinth } from "../../package.json";
import { countUse } from "../licensing/count";
import { FEATURES, type Feature } from "../licensing/tiers";
import { versions } from "../release/versions";
import type { SitePlan } from "../site/plan";
import { siteSchema } from "../site/spec";

const version = z.string().regex(/^v?\d+\.\d+\.\d+(-(alpha|beta|rc)\.\d+)?$/);
const count = z.int().min(0).max(1_000_000);
const names = (known: readonly string[]) => z.array(z.string().refine((name) => known.includes(name)));

export const reportSchema = z.strictObject({
  v: z.literal(1),
  /** Made at random on the computer that reports; derived from nothing. */
  installation: z.uuid(),
  /** Day in UTC. */
  day: z.iso.date(),
  plinth: version,
  talos: version,
  kubernetes: version,
  provider: siteSchema.shape.provider,
  controlPlanes: count,
  workers: count,
  gpus: count,
  architectures: z.array(z.enum(["amd64", "arm64"])),
  features: names(Object.keys(FEATURES)),
  charts: names(Object.keys(versions().charts)),
  backup: z.boolean(),
  windows: z.boolean(),
  encrypted: count,
});

/** A report, as it is sent. */
export type Report = z.output<typeof reportSchema>;

/** What a site tells on a day. Pure. */
export function reportOf(plan: SitePlan, installation: string, now: Date): Report {
  const { nodes, platform } = plan;
  const charts = (platform?.services ?? []).flatMap(({ chart }) => chart?.name ?? []);
  const known = Object.keys(versions().charts);
  const features: readonly Feature[] = countUse(plan).features;
  return {
    v: 1,
    installation,
    day: now.toISOString().slice(0, 10),
    plinth,
    talos: plan.talos.version,
    kubernetes: plan.kubernetes.version,
    provider: plan.provider,
    controlPlanes: nodes.filter(({ type }) => type === "controlplane").length,
    workers: nodes.filter(({ type }) => type === "worker").length,
    gpus: nodes.reduce((sum, { gpus = 0 }) => sum + gpus, 0),
    architectures: [...new Set(nodes.map(({ arch }) => arch))].sort(),
    features: [...features].sort(),
    charts: charts.filter((name) => known.includes(name)).sort(),
    backup: plan.backup !== undefined,
    windows: (plan.maintenance?.windows ?? []).length > 0,
    encrypted: nodes.filter(({ encryption }) => encryption !== undefined).length,
  };
}
