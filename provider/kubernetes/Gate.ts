/** `plinth:kubernetes:Gate`: looks at the live cluster until everything asked for is there; changes nothing. */
import { z } from "zod";
import type { GateCheck, GateInputs } from "../../components/kubernetes/Gate";
import type { Problem } from "../../components/problem";
import { type Draft, knownEntries, unknown } from "../draft";
import { changesBetween } from "../host/diff";
import { sentence } from "../host/failure";
import { type Context, propertyPath, type Reached, type Resource } from "../resource";
import { eachBounded, WaitTimeout, waitFor } from "../wait";
import { KubernetesError, type KubernetesObject, type Objects, type PlatformDrivers } from "./ports";

interface GateOutputs {
  /** What was not there at the last look, in words. */
  readonly missing: readonly string[];
}

const SECONDS = 300;
const LANES = 4;
/** The ways to look, of which a check has one. */
const WAYS = ["condition", "field", "exists", "admits"] as const;

export function gate(drivers: PlatformDrivers): Resource<GateInputs, GateOutputs> {
  return {
    type: "plinth:kubernetes:Gate",
    inputs: z.strictObject({
      kubeconfig: z.string().min(1),
      checks: z.record(
        z.string(),
        z.strictObject({
          apiVersion: z.string().min(1),
          kind: z.string().min(1),
          namespace: z.string().min(1).optional(),
          name: z.string().min(1),
          condition: z.string().min(1).optional(),
          field: z.string().min(1).optional(),
          equals: z.string().min(1).optional(),
          atMost: z.int().min(0).optional(),
          exists: z.literal(true).optional(),
          admits: z.record(z.string(), z.unknown()).optional(),
          onlyWith: z
            .strictObject({
              apiVersion: z.string().min(1),
              kind: z.string().min(1),
              namespace: z.string().min(1).optional(),
              name: z.string().min(1),
              unlessLabels: z.record(z.string(), z.string()).optional(),
            })
            .optional(),
        }),
      ),
      seconds: z.int().min(1).max(3600).optional(),
      trigger: z.string().optional(),
    }),
    outputs: z.object({ missing: z.array(z.string()).readonly().default([]) }),
    secrets: ["kubeconfig"],
    limits: { create: 3700, read: 120, update: 3700, delete: 10 },

    check: (inputs) => problems(inputs),
    diff: ({ inputs, outputs }, news) => [
      ...changesBetween(inputs, news),
      ...(outputs.missing.length > 0 ? [{ path: "missing", kind: "update" as const, output: true }] : []),
    ],
    preview: () => ({}),
    create: async (inputs, context) => ({ id: "gate", ...(await open(drivers, inputs, context)) }),
    update: (_id, _prior, inputs, context) => open(drivers, inputs, context),
    async read(_id, prior, context) {
      if (prior === undefined) throw new Error("a Gate cannot be imported: it makes nothing");
      const objects = drivers.objects(prior.inputs.kubeconfig);
      const unseen = await look(objects, prior.inputs.checks, context);
      return { inputs: prior.inputs, outputs: { missing: unseen.map(written) } };
    },
    delete: async () => undefined,
  };
}

function problems(inputs: Draft<GateInputs>): readonly Problem[] {
  if (inputs === unknown) return [];
  return knownEntries(inputs.checks).flatMap(([what, check]) => {
    const ways = WAYS.filter((way) => check[way] !== undefined);
    const bound = (["equals", "atMost"] as const).find((key) => check[key] !== undefined);
    if (bound !== undefined && check.field === undefined) {
      return [{ path: propertyPath("checks", what), reason: `has ${bound} without a field`, fix: "name the field" }];
    }
    if (ways.length === 1) return [];
    return [
      {
        path: propertyPath("checks", what),
        reason: ways.length === 0 ? "does not say how to look" : `says ${ways.join(" and ")}`,
        fix: `give one of ${WAYS.join(", ")}`,
      },
    ];
  });
}

async function open(drivers: PlatformDrivers, inputs: GateInputs, context: Context): Promise<Reached<GateOutputs>> {
  const objects = drivers.objects(inputs.kubeconfig);
  let missing: readonly string[] = Object.keys(inputs.checks);
  const options = {
    what: "gate",
    seconds: inputs.seconds ?? SECONDS,
    intervalMs: drivers.pollMs,
    signal: context.signal,
    progress: context.log.progress,
  };
  try {
    const opened = await waitFor(options, async () => {
      try {
        const unseen = await look(objects, inputs.checks, context);
        missing = unseen.map(written);
        if (unseen.some(({ final }) => final)) return { done: false };
      } catch (error) {
        context.signal.throwIfAborted();
        if (!isPassing(error)) throw error;
        return { missing: sentence(error) };
      }
      return missing.length === 0 ? { done: true } : { missing: missing.join("; ") };
    });
    return opened
      ? { outputs: { missing: [] } }
      : { outputs: { missing }, failures: [`it is no use to wait: ${missing.join("; ")}`] };
  } catch (error) {
    const why =
      error instanceof WaitTimeout
        ? `after ${error.seconds} s there is still missing: ${error.last}`
        : `${sentence(error)}; not seen yet: ${missing.join("; ")}`;
    return { outputs: { missing }, failures: [why] };
  }
}

/** An API that restarts or is busy is waited for; a refusal of the credentials is not. */
function isPassing(error: unknown): boolean {
  return error instanceof KubernetesError && error.status !== 401 && error.status !== 403;
}

/** A check that does not see what it looks for. */
interface Unseen extends Reason {
  readonly what: string;
}

interface Reason {
  readonly why: string;
  /** It never comes by itself. */
  readonly final: boolean;
}

const notYet = (why: string): Reason => ({ why, final: false });
const never = (why: string): Reason => ({ why, final: true });

/** In words that begin with the check's own. */
const written = ({ what, why }: Unseen): string => `${what} (${why})`;

async function look(objects: Objects, checks: GateInputs["checks"], context: Context): Promise<readonly Unseen[]> {
  const found = await eachBounded(Object.entries(checks), LANES, async ([what, check]) => {
    const reason = await lookAt(objects, check, context.signal);
    return reason === undefined ? [] : [{ what, ...reason }];
  });
  return found.flat();
}

async function lookAt(objects: Objects, check: GateCheck, signal: AbortSignal): Promise<Reason | undefined> {
  const { apiVersion, kind, name, condition, field, admits, onlyWith } = check;
  if (onlyWith !== undefined && !(await isReason(objects, onlyWith, signal))) return undefined;
  const place = placeOf(check);
  if (admits !== undefined)
    return admitted(objects, { ...admits, apiVersion, kind, metadata: { ...place, name } }, signal);
  const object = await objects.get({ apiVersion, kind, ...place, name }, signal);
  if (object === undefined) return notYet(`there is no ${kind} ${name}`);
  if (condition !== undefined) return unmet(object, condition);
  return field === undefined ? undefined : unfilled(object, field, check);
}

async function isReason(
  objects: Objects,
  subject: NonNullable<GateCheck["onlyWith"]>,
  signal: AbortSignal,
): Promise<boolean> {
  const object = await objects.get(keyOf(subject), signal);
  if (object === undefined) return false;
  const wanted = Object.entries(subject.unlessLabels ?? {});
  return wanted.length === 0 || wanted.some(([label, value]) => object.metadata.labels?.[label] !== value);
}

function unfilled(
  object: KubernetesObject,
  field: string,
  { equals, atMost }: Pick<GateCheck, "equals" | "atMost">,
): Reason | undefined {
  const name = `${object.kind} ${object.metadata.name}`;
  const found = at(object, field);
  const stale = field.startsWith("status.") ? outdated(object, at(object, "status.observedGeneration")) : undefined;
  if (stale !== undefined) return notYet(stale);
  if (atMost !== undefined && typeof found === "number")
    return found > atMost ? never(`${field} of ${name} is ${found}, and may not become ${atMost}`) : undefined;
  if (isEmpty(found)) return notYet(`${name} has no ${field} yet`);
  if (equals === undefined || String(found) === equals) return undefined;
  return notYet(`${field} of ${name} is ${String(found)}, not ${equals}`);
}

/** What a controller said before it saw the last change is about another object. */
function outdated({ kind, metadata }: KubernetesObject, seen: unknown): string | undefined {
  if (typeof seen !== "number" || metadata.generation === undefined || seen >= metadata.generation) return undefined;
  return `${kind} ${metadata.name} was last looked at as generation ${seen}, and it is at ${metadata.generation}`;
}

function keyOf(check: NonNullable<GateCheck["onlyWith"]>) {
  return { apiVersion: check.apiVersion, kind: check.kind, ...placeOf(check), name: check.name };
}

function placeOf({ namespace }: Pick<GateCheck, "namespace">): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

/** The API server asks every webhook as it would for the real thing. A refusal by rule is an answer, too. */
async function admitted(objects: Objects, object: KubernetesObject, signal: AbortSignal): Promise<Reason | undefined> {
  try {
    await objects.rehearse(object, signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof KubernetesError) || error.status === 0) throw error;
    return notYet(error.message);
  }
}

function unmet(object: KubernetesObject, condition: string): Reason | undefined {
  const conditions = at(object, "status.conditions");
  const all = Array.isArray(conditions) ? (conditions as readonly Condition[]) : [];
  const { kind, metadata } = object;
  const failed = all.find(({ type, status }) => type === "Failed" && status === "True");
  if (kind === "Job" && failed !== undefined) return never(failedJob(metadata, wordsOf(failed)));
  const found = all.find(({ type }) => type === condition);
  if (found === undefined) return notYet(`${kind} ${metadata.name} says nothing of ${condition} yet`);
  const stale = outdated(object, found.observedGeneration ?? at(object, "status.observedGeneration"));
  if (stale !== undefined) return notYet(stale);
  return found.status === "True"
    ? undefined
    : notYet(`${kind} ${metadata.name} is not ${condition}: ${wordsOf(found)}`);
}

/** A Job that has failed stays as it is: it is made anew only when it is gone. */
function failedJob({ name, namespace = "default" }: KubernetesObject["metadata"], why: string): string {
  return `Job ${name} has failed: ${why}; see kubectl logs -n ${namespace} job/${name}, and when the cause is mended: kubectl delete job -n ${namespace} ${name}, then pulumi up --refresh`;
}

const wordsOf = ({ message, error, reason }: Condition): string => message || error || reason || "no reason given";

/** A condition of an object's status. */
interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  /** Generation of the object that it is about; most controllers say it here, those of workloads once for all conditions. */
  readonly observedGeneration?: number;
  /** Where kinds of an old style say what is wrong, as Bank-Vaults' Vault. */
  readonly error?: string;
}

function at(object: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (value, key) =>
        Array.isArray(value)
          ? value.find((each: unknown) => at(each, "name") === key)
          : typeof value === "object" && value !== null
            ? Reflect.get(value, key)
            : undefined,
      object,
    );
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === "" || value === 0 || (Array.isArray(value) && value.length === 0)
  );
}
