/**
 * `plinth:kubernetes:CrdBundle`: the CustomResourceDefinitions of pinned charts. Every archive is fetched and its digest
 * checked before anything is applied; CRDs are applied server-side, taken over from an earlier Helm release, and waited
 * for until they are served. A CRD that still has objects is never deleted.
 */
import { z } from "zod";
import type { CrdBundleInputs } from "../../components/kubernetes/CrdBundle";
import type { Problem } from "../../components/problem";
import { type Draft, knownEntries, unknown } from "../draft";
import { changesBetween } from "../host/diff";
import { sentence } from "../host/failure";
import { type Change, type Context, propertyPath, type Reached, type Resource } from "../resource";
import { eachBounded, waitFor } from "../wait";
import {
  CRD,
  type Crd,
  HELM_ANNOTATIONS,
  helmOwner,
  notEstablished,
  readCrds,
  sameCrd,
  servedKind,
  specDigest,
} from "./crds";
import { ChartError, type Objects, type PlatformDrivers } from "./ports";

/** What was reached for a chart. */
interface ChartState {
  readonly version: string;
  /** Of the archive, as it was found. */
  readonly digest: string;
  /** Short digest of each CRD as the cluster holds it, or one of {@link NOT_REACHED}. */
  readonly crds: { readonly [name: string]: string };
}

interface CrdBundleOutputs {
  readonly charts: { readonly [name: string]: ChartState };
}

/** In place of a digest: what keeps a CRD from being as it shall be. */
const NOT_REACHED = { pending: "pending", missing: "missing", changed: "changed" } as const;
const ESTABLISHED_SECONDS = 120;
/** CRDs that are applied at a time: each costs the API server a schema check. */
const LANES = 4;

export function crdBundle(drivers: PlatformDrivers): Resource<CrdBundleInputs, CrdBundleOutputs> {
  return {
    type: "plinth:kubernetes:CrdBundle",
    inputs: z.strictObject({
      kubeconfig: z.string().min(1),
      charts: z.record(
        z.string(),
        z.strictObject({
          chart: z.string().min(1),
          repository: z.string().startsWith("https://").optional(),
          version: z.string().min(1),
          digest: z
            .string()
            .regex(/^sha256:[0-9a-f]{64}$/, "is not sha256: and 64 hex digits")
            .optional(),
          mode: z.enum(["folder", "template-flag", "manifest", "none"]),
          flag: z.string().min(1).optional(),
          release: z.strictObject({ name: z.string().min(1), namespace: z.string().min(1) }),
        }),
      ),
      kubernetesVersion: z
        .string()
        .regex(/^v\d+\.\d+\.\d+$/, "is not a version as v1.36.3")
        .optional(),
    }),
    outputs: z.object({
      charts: z
        .record(
          z.string(),
          z.object({ version: z.string(), digest: z.string(), crds: z.record(z.string(), z.string()) }),
        )
        .default({}),
    }),
    secrets: ["kubeconfig"],
    limits: { create: 1800, read: 300, update: 1800, delete: 600 },

    check: (inputs, context) => problems(drivers, inputs, context),
    diff: ({ inputs, outputs }, news) => [...changesBetween(inputs, news), ...unfinished(outputs)],
    preview: () => ({}),
    create: async (inputs, context) => ({ id: "crds", ...(await reach(drivers, inputs, {}, context)) }),
    update: (_id, { outputs }, inputs, context) => reach(drivers, inputs, outputs.charts, context),
    async read(_id, prior, context) {
      if (prior === undefined) throw new Error("a CrdBundle cannot be imported: declare it, it adopts what is there");
      const objects = drivers.objects(prior.inputs.kubeconfig);
      const entries = await eachBounded(Object.entries(prior.outputs.charts), LANES, async ([name, chart]) => {
        const crds = await eachBounded(Object.entries(chart.crds), LANES, async ([crd, digest]) => {
          const live = (await objects.get({ ...CRD, name: crd }, context.signal)) as Crd | undefined;
          return [crd, seen(live, digest)] as const;
        });
        return [name, { ...chart, crds: Object.fromEntries(crds) }] as const;
      });
      return { inputs: prior.inputs, outputs: { charts: Object.fromEntries(entries) } };
    },
    async delete(_id, { inputs, outputs }, context) {
      await withdraw(drivers.objects(inputs.kubeconfig), namesOf(outputs.charts), context);
    },
  };
}

function seen(live: Crd | undefined, digest: string): string {
  if (live === undefined) return NOT_REACHED.missing;
  if (isNotReached(digest)) return digest;
  return specDigest(live) === digest ? digest : NOT_REACHED.changed;
}

const isNotReached = (digest: string): boolean => Object.values<string>(NOT_REACHED).includes(digest);

/** Outputs that say themselves that something is left to do. */
function unfinished({ charts }: CrdBundleOutputs): readonly Change[] {
  return Object.entries(charts).flatMap(([name, { crds }]) =>
    Object.entries(crds)
      .filter(([, digest]) => isNotReached(digest))
      .map(([crd]) => ({ path: propertyPath("charts", name, "crds", crd), kind: "update" as const, output: true })),
  );
}

async function problems(
  drivers: PlatformDrivers,
  inputs: Draft<CrdBundleInputs>,
  context: Context,
): Promise<readonly Problem[]> {
  if (inputs === unknown) return [];
  const charts = knownEntries(inputs.charts);
  const flags = charts.flatMap(([name, { mode, flag }]): Problem[] => {
    if (mode === unknown || flag === unknown || (mode === "template-flag") === (flag !== undefined)) return [];
    const path = propertyPath("charts", name, "flag");
    return flag === undefined
      ? [{ path, reason: "is missing", fix: "name the value that switches the CRDs of the templates on" }]
      : [{ path, reason: `means nothing with mode ${mode}`, fix: "remove it, or set mode: template-flag" }];
  });
  const needsHelm = charts.some(([, { mode }]) => mode !== "manifest" && mode !== unknown);
  if (!needsHelm || (await drivers.charts.helmVersion(context.signal)) !== undefined) return flags;
  return [
    ...flags,
    {
      path: "charts",
      reason: "there is no helm to open charts with",
      fix: "install Helm 3.17 or newer and put it on PATH, or name it in PLINTH_HELM",
    },
  ];
}

interface Wanted {
  readonly states: { readonly [chart: string]: ChartState };
  readonly crds: readonly { readonly chart: string; readonly crd: Crd }[];
}

/** Opens every archive first: a chart that cannot be had changes nothing. */
async function open(drivers: PlatformDrivers, inputs: CrdBundleInputs, context: Context): Promise<Wanted> {
  const { kubernetesVersion } = inputs;
  const opened = await eachBounded(Object.entries(inputs.charts), LANES, async ([name, chart]) => {
    context.log.progress(`opening ${name} ${chart.version}`);
    const { digest, crds } = await drivers.charts.open({ ...chart, name, kubernetesVersion }, context.signal);
    const found = readCrds(crds, name);
    if (found.length === 0 && chart.mode !== "none") throw noCrds(name, chart);
    return { name, version: chart.version, digest, crds: found };
  });
  const holders = new Map<string, string>();
  for (const { name, crds } of opened) {
    for (const { metadata } of crds) {
      const holder = holders.get(metadata.name);
      if (holder !== undefined) {
        throw new ChartError(
          `${holder} and ${name} both bring the CRD ${metadata.name} (switch it off in one of them)`,
        );
      }
      holders.set(metadata.name, name);
    }
  }
  return {
    states: Object.fromEntries(
      opened.map(({ name, version, digest, crds }) => [
        name,
        { version, digest, crds: Object.fromEntries(crds.map(({ metadata }) => [metadata.name, NOT_REACHED.pending])) },
      ]),
    ),
    crds: opened.flatMap(({ name, crds }) => crds.map((crd) => ({ chart: name, crd }))),
  };
}

/** A controller without its CRDs would start, and fail at the first look at what it is there for. */
function noCrds(name: string, { version, mode, flag }: CrdBundleInputs["charts"][string]): ChartError {
  const where = { folder: "in crds/", "template-flag": `with ${flag}=true`, manifest: "in the file", none: "" }[mode];
  return new ChartError(
    `${name} ${version} was to bring CRDs ${where} and has none (an archive that was packed from its sources lacks what a release generates: take the published one)`,
  );
}

async function reach(
  drivers: PlatformDrivers,
  inputs: CrdBundleInputs,
  prior: CrdBundleOutputs["charts"],
  context: Context,
): Promise<Reached<CrdBundleOutputs>> {
  const wanted = await open(drivers, inputs, context);
  const objects = drivers.objects(inputs.kubeconfig);
  const reached = new Map<string, string>();
  // What an earlier version brought and this one does not stays in the state until it is gone.
  const dropped = namesOf(prior).filter((name) => !wanted.crds.some(({ crd }) => crd.metadata.name === name));
  const outputs = (left: readonly string[]): CrdBundleOutputs => ({ charts: merged(wanted, reached, prior, left) });
  try {
    const failures = await eachBounded(wanted.crds, LANES, async ({ crd }) => {
      const { name } = crd.metadata;
      try {
        await put(objects, crd, context);
        const live = await established(drivers, objects, name, context);
        reached.set(name, specDigest(live));
        return [];
      } catch (error) {
        context.signal.throwIfAborted();
        return [`${name}: ${sentence(error)}`];
      }
    });
    const failed = failures.flat();
    if (failed.length > 0) return { outputs: outputs(dropped), failures: failed };
    await withdraw(objects, dropped, context);
    return { outputs: outputs([]) };
  } catch (error) {
    return { outputs: outputs(dropped), failures: [sentence(error)] };
  }
}

/** The state of every chart: what was reached of it, and dropped CRDs that are still there with their former chart. */
function merged(
  wanted: Wanted,
  reached: ReadonlyMap<string, string>,
  prior: CrdBundleOutputs["charts"],
  left: readonly string[],
): CrdBundleOutputs["charts"] {
  const charts: Record<string, ChartState> = {};
  for (const [name, state] of Object.entries(wanted.states)) {
    const crds = Object.keys(state.crds).map((crd) => [crd, reached.get(crd) ?? NOT_REACHED.pending]);
    charts[name] = { ...state, crds: Object.fromEntries(crds) };
  }
  for (const [name, state] of Object.entries(prior)) {
    const old = Object.keys(state.crds).filter((crd) => left.includes(crd));
    if (old.length === 0) continue;
    const base = charts[name] ?? { ...state, crds: {} };
    charts[name] = {
      ...base,
      crds: { ...base.crds, ...Object.fromEntries(old.map((crd) => [crd, NOT_REACHED.pending])) },
    };
  }
  return charts;
}

/** Applies a CRD unless the cluster has it like this already; takes it over from a Helm release. */
async function put(objects: Objects, crd: Crd, context: Context): Promise<void> {
  const ref = { ...CRD, name: crd.metadata.name };
  const live = (await objects.get(ref, context.signal)) as Crd | undefined;
  if (live !== undefined) {
    const owner = helmOwner(live);
    const after = (await objects.rehearse(crd, context.signal)) as Crd;
    if (owner === undefined && sameCrd(live, after)) return;
    await objects.apply(crd, context.signal);
    if (owner === undefined) return;
    await objects.strip(ref, HELM_ANNOTATIONS, [], context.signal);
    context.log.info(`${ref.name}: taken over from the Helm release ${owner}`);
    return;
  }
  await objects.apply(crd, context.signal);
}

function established(drivers: PlatformDrivers, objects: Objects, name: string, context: Context): Promise<Crd> {
  const options = {
    what: "is served",
    seconds: ESTABLISHED_SECONDS,
    intervalMs: drivers.pollMs,
    signal: context.signal,
  };
  return waitFor(options, async () => {
    const live = (await objects.get({ ...CRD, name }, context.signal)) as Crd | undefined;
    const missing = live === undefined ? "it is not there" : notEstablished(live);
    return live === undefined || missing !== undefined ? { missing: missing ?? "it is not there" } : { done: live };
  });
}

/** Deletes CRDs without objects; one that has some stays, and is told. */
async function withdraw(objects: Objects, names: readonly string[], context: Context): Promise<void> {
  for (const name of names) {
    context.signal.throwIfAborted();
    const live = (await objects.get({ ...CRD, name }, context.signal)) as Crd | undefined;
    if (live?.metadata.uid === undefined) continue;
    const kind = servedKind(live);
    const [left] = kind === undefined ? [] : await objects.list(kind, 1, context.signal);
    if (left !== undefined) {
      const place = left.metadata.namespace === undefined ? "" : `${left.metadata.namespace}/`;
      context.log.warn(
        `${name} stays: it still has objects, as ${place}${left.metadata.name}; deleting it would delete them. Delete them, then: kubectl delete crd ${name}`,
      );
      continue;
    }
    await context.audit({ act: "destroy", target: name, detail: "delete a CRD that has no objects" });
    await objects.remove({ ...CRD, name }, live.metadata.uid, context.signal);
  }
}

const namesOf = (charts: CrdBundleOutputs["charts"]): readonly string[] =>
  Object.values(charts).flatMap(({ crds }) => Object.keys(crds));
