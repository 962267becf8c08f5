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
          exists: z.literal(true).optional(),
          admits: z.record(z.string(), z.unknown()).optional(),
          onlyWith: z
            .strictObject({
              apiVersion: z.string().min(1),
              kind: z.string().min(1),
              namespace: z.string().min(1).optional(),
              name: z.string().min(1),
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
      return { inputs: prior.inputs, outputs: { missing: await look(objects, prior.inputs.checks, context) } };
    },
    delete: async () => undefined,
  };
}

function problems(inputs: Draft<GateInputs>): readonly Problem[] {
  if (inputs === unknown) return [];
  return knownEntries(inputs.checks).flatMap(([what, check]) => {
    const ways = WAYS.filter((way) => check[way] !== undefined);
    if (check.equals !== undefined && check.field === undefined) {
      return [{ path: propertyPath("checks", what), reason: "has equals without a field", fix: "name the field" }];
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
    await waitFor(options, async () => {
      try {
        missing = await look(objects, inputs.checks, context);
      } catch (error) {
        context.signal.throwIfAborted();
        if (!isPassing(error)) throw error;
        return { missing: sentence(error) };
      }
      return missing.length === 0 ? { done: true } : { missing: missing.join("; ") };
    });
    return { outputs: { missing: [] } };
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

/** What is missing, each in words that begin with the check's own. */
async function look(objects: Objects, checks: GateInputs["checks"], context: Context): Promise<readonly string[]> {
  const found = await eachBounded(Object.entries(checks), LANES, async ([what, check]) => {
    const missing = await lookAt(objects, check, context.signal);
    return missing === undefined ? [] : [`${what} (${missing})`];
  });
  return found.flat();
}

async function lookAt(objects: Objects, check: GateCheck, signal: AbortSignal): Promise<string | undefined> {
  const { apiVersion, kind, name, condition, field, equals, admits, onlyWith } = check;
  if (onlyWith !== undefined && (await objects.get(keyOf(onlyWith), signal)) === undefined) return undefined;
  const place = placeOf(check);
  if (admits !== undefined)
    return admitted(objects, { ...admits, apiVersion, kind, metadata: { ...place, name } }, signal);
  const object = await objects.get({ apiVersion, kind, ...place, name }, signal);
  if (object === undefined) return `there is no ${kind} ${name}`;
  if (condition !== undefined) return unmet(object, condition);
  if (field === undefined) return undefined;
  const found = at(object, field);
  if (isEmpty(found)) return `${kind} ${name} has no ${field} yet`;
  return equals === undefined || String(found) === equals
    ? undefined
    : `${field} of ${kind} ${name} is ${String(found)}, not ${equals}`;
}

function keyOf(check: NonNullable<GateCheck["onlyWith"]>) {
  return { apiVersion: check.apiVersion, kind: check.kind, ...placeOf(check), name: check.name };
}

function placeOf({ namespace }: Pick<GateCheck, "namespace">): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

/** The API server asks every webhook as it would for the real thing. A refusal by rule is an answer, too. */
async function admitted(objects: Objects, object: KubernetesObject, signal: AbortSignal): Promise<string | undefined> {
  try {
    await objects.rehearse(object, signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof KubernetesError) || error.status === 0) throw error;
    return error.message;
  }
}

function unmet(object: KubernetesObject, condition: string): string | undefined {
  const conditions = at(object, "status.conditions");
  const found = Array.isArray(conditions)
    ? (conditions as readonly Condition[]).find(({ type }) => type === condition)
    : undefined;
  const { kind, metadata } = object;
  if (found === undefined) return `${kind} ${metadata.name} says nothing of ${condition} yet`;
  // What its controller said before it saw the last change is about another object.
  const seen = found.observedGeneration ?? at(object, "status.observedGeneration");
  if (typeof seen === "number" && metadata.generation !== undefined && seen < metadata.generation) {
    return `${kind} ${metadata.name} was last looked at as generation ${seen}, and it is at ${metadata.generation}`;
  }
  if (found.status === "True") return undefined;
  const why = found.message || found.error || found.reason || "no reason given";
  return `${kind} ${metadata.name} is not ${condition}: ${why}`;
}

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
      (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
      object,
    );
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === "" || value === 0 || (Array.isArray(value) && value.length === 0)
  );
}
