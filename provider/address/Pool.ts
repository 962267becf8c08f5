import { isDeepStrictEqual } from "node:util";
import type { PoolBackend, PoolInputs, PoolOutputs } from "../../components/address/IpPool";
import { ProblemError } from "../../components/problem";
import { hasUnknown, known } from "../draft";
import { type Change, propertyPath, type Resource } from "../resource";
import type { Backend, PoolState } from "./backend";
import { poolInputs, poolOutputs } from "./schema";
import { readPool } from "./shape";
import type { Siblings } from "./siblings";

/** Inputs that are part of every claim's identity, or say who keeps the addresses. */
const fixed = ["site", "name", "vrf", "backend"] as const;

/** `plinth:address:Pool`: every claim of a pool, and the address each of them has. */
export function pool(
  backends: Readonly<Record<PoolBackend, Backend>>,
  siblings: Siblings,
): Resource<PoolInputs, PoolOutputs> {
  const backendOf = ({ backend }: PoolInputs) => backends[backend ?? "static"];
  return {
    type: "plinth:address:Pool",
    inputs: poolInputs,
    outputs: poolOutputs,
    secrets: [],
    limits: { create: 600, read: 120, update: 600, delete: 300 },

    async check(draft, context) {
      const inputs = known<PoolInputs>(draft);
      if (inputs === undefined) return [];
      const { problems } = readPool(inputs);
      if (problems.length > 0) return problems;
      return [...siblings.problems(context.urn, inputs), ...(await backendOf(inputs).check(inputs, context))];
    },

    async diff(prior, draft, context) {
      const changes = [...changed(prior.inputs, draft as Readonly<Record<string, unknown>>), ...unfinished(prior)];
      const inputs = known<PoolInputs>(draft);
      if (inputs !== undefined) {
        refuseMoves(prior.inputs, inputs);
        if (changes.length > 0) await backendOf(inputs).plan(inputs, prior, silent(context));
      }
      return changes;
    },

    async preview(draft, prior, context) {
      const inputs = known<PoolInputs>(draft);
      return inputs === undefined ? {} : backendOf(inputs).plan(inputs, prior, context);
    },

    async create(inputs, context) {
      return { id: `${inputs.site}/${inputs.name}`, ...(await backendOf(inputs).apply(inputs, undefined, context)) };
    },

    async read(id, prior, context) {
      if (!prior) {
        const fix =
          "declare it: with NetBox every claim finds its address again by itself; a static pool lives in its state";
        throw new ProblemError("A pool is not imported:", [
          { path: "", reason: `there is nothing to import for ${id}`, fix },
        ]);
      }
      return { inputs: prior.inputs, outputs: await backendOf(prior.inputs).read(prior, context) };
    },

    update: (_id, prior, inputs, context) => backendOf(inputs).apply(inputs, prior, context),

    delete: (_id, prior, context) => backendOf(prior.inputs).release(prior, context),
  };
}

/** Places of the inputs that differ; claims one by one. */
function changed(before: PoolInputs, after: Readonly<Record<string, unknown>>): Change[] {
  const old = before as unknown as Readonly<Record<string, unknown>>;
  return [...new Set([...Object.keys(old), ...Object.keys(after)])].flatMap((name) => {
    if (name === "claims" && !hasUnknownTop(after.claims)) {
      return entries(before.claims, after.claims as Readonly<Record<string, unknown>>);
    }
    return difference(name, old[name], after[name]);
  });
}

function hasUnknownTop(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

function entries(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): Change[] {
  const owners = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return owners.flatMap((owner) => difference(propertyPath("claims", owner), before[owner], after[owner]));
}

function difference(path: string, before: unknown, after: unknown): Change[] {
  if (!hasUnknown(after) && isDeepStrictEqual(plain(before), plain(after))) return [];
  return [{ path, kind: before === undefined ? "add" : after === undefined ? "delete" : "update" }];
}

/** A value without the keys that are there but undefined. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** What an earlier change left to do, or a refresh found undone. */
function unfinished({ inputs, outputs }: PoolState): Change[] {
  const open = Object.keys(inputs.claims).filter(
    (owner) => outputs.addresses[owner] === undefined || outputs.pending.includes(owner),
  );
  return [
    ...open.map((owner): Change => ({ path: propertyPath("claims", owner), kind: "update" })),
    ...(["orphans", "strays"] as const)
      .filter((name) => outputs[name].length > 0)
      .map((path): Change => ({ path, kind: "update", output: true })),
  ];
}

/** An identity or a backend that changes would move every address. */
function refuseMoves(before: PoolInputs, after: PoolInputs): void {
  if (Object.keys(before.claims).length === 0) return;
  const moved = fixed.filter((name) => (before[name] ?? defaults[name]) !== (after[name] ?? defaults[name]));
  if (moved.length === 0) return;
  throw new ProblemError(
    "The pool cannot change like this:",
    moved.map((name) => ({
      path: name,
      reason: `${before[name] ?? "(none)"} became ${after[name] ?? "(none)"}: every claim of the pool would get another address`,
      fix: "release the claims first, or declare a new pool beside it",
    })),
  );
}

const defaults: Readonly<Record<(typeof fixed)[number], string | undefined>> = {
  site: undefined,
  name: undefined,
  vrf: undefined,
  backend: "static",
};

/** What a diff finds is said again by the preview. */
function silent<T extends { readonly log: object }>(context: T): T {
  const nothing = () => undefined;
  return { ...context, log: { info: nothing, warn: nothing, progress: nothing } };
}
