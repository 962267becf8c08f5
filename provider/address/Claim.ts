import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { readableClaim } from "../../components/address/claim";
import type { ClaimInputs, ClaimOutputs } from "../../components/address/IpClaim";
import type { PoolInputs } from "../../components/address/IpPool";
import { ProblemError } from "../../components/problem";
import { hasUnknown, known } from "../draft";
import { type Change, propertyPath, type Resource } from "../resource";
import type { Backend, PoolState } from "./backend";
import { claimFields } from "./schema";
import { readPool } from "./shape";
import type { Siblings } from "./siblings";

const name = z.string().min(1).max(100);

const claimInputs = z.strictObject({
  site: name,
  pool: name,
  owner: name,
  prefix: z.string().exactOptional(),
  range: z.string().exactOptional(),
  vrf: name.exactOptional(),
  ...claimFields,
}) satisfies z.ZodType<ClaimInputs>;

const claimOutputs = z.object({ ip: z.string().default(""), recorded: z.boolean().default(false) });

/** Inputs that are the claim's identity. */
const identity = ["site", "pool", "owner", "vrf", "purpose"] as const;

/** `plinth:address:Claim`: a pool of one claim, without the pool. */
export function claim(backend: Backend, siblings: Siblings): Resource<ClaimInputs, ClaimOutputs> {
  return {
    type: "plinth:address:Claim",
    inputs: claimInputs,
    outputs: claimOutputs,
    secrets: [],
    limits: { create: 120, read: 60, update: 120, delete: 60 },

    async check(draft, context) {
      const inputs = known<ClaimInputs>(draft);
      if (inputs === undefined) return [];
      const asPool = poolOf(inputs);
      const { problems } = readPool(asPool);
      const found =
        problems.length > 0
          ? problems
          : [...siblings.problems(context.urn, asPool), ...(await backend.check(asPool, context))];
      // What a pool says of its claim, a claim says of itself.
      return found.map((problem) => ({
        ...problem,
        path: problem.path.replace(`claims.${inputs.owner}`, "").replace(/^\./, ""),
      }));
    },

    diff({ inputs, outputs }, draft) {
      const before = inputs as unknown as Readonly<Record<string, unknown>>;
      const after = draft as Readonly<Record<string, unknown>>;
      const changes = [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key): Change[] => {
        if (!hasUnknown(after[key]) && isDeepStrictEqual(before[key], after[key])) return [];
        const kind = before[key] === undefined ? "add" : after[key] === undefined ? "delete" : "update";
        return [{ path: propertyPath(key), kind }];
      });
      const moved = changes.filter(({ path }) => identity.some((key) => key === path && !hasUnknown(after[key])));
      if (moved.length > 0) {
        throw new ProblemError(
          "The claim cannot change like this:",
          moved.map(({ path }) => ({
            path,
            reason: "is part of the claim's identity, and another claim has another address",
            fix: "declare a new claim under another name, and remove this one when nothing uses its address",
          })),
        );
      }
      if (outputs.recorded) return changes;
      return [...changes, { path: "recorded", kind: "update", output: true }];
    },

    async preview(draft, prior, context) {
      const inputs = known<ClaimInputs>(draft);
      if (inputs === undefined) return {};
      const plan = (await backend.plan(poolOf(inputs), prior && asPoolState(prior), context)) as {
        addresses: Record<string, string>;
      };
      const ip = plan.addresses[inputs.owner];
      return ip === undefined ? {} : { ip };
    },

    async create(inputs, context) {
      const { outputs, failures } = await backend.apply(poolOf(inputs), undefined, context);
      const id = readableClaim({ ...inputs });
      return { id, outputs: ownOutputs(inputs, outputs), ...(failures && { failures }) };
    },

    async read(id, prior, context) {
      if (!prior) {
        const fix = "declare it: it finds its address in NetBox again by itself";
        throw new ProblemError("A claim is not imported:", [{ path: "", reason: `nothing to import for ${id}`, fix }]);
      }
      const outputs = await backend.read(asPoolState(prior), context);
      return { inputs: prior.inputs, outputs: ownOutputs(prior.inputs, outputs) };
    },

    async update(_id, prior, inputs, context) {
      const { outputs, failures } = await backend.apply(poolOf(inputs), asPoolState(prior), context);
      return { outputs: ownOutputs(inputs, outputs), ...(failures && { failures }) };
    },

    delete: (_id, prior, context) => backend.release(asPoolState(prior), context),
  };
}

function poolOf({ site, pool, owner, prefix, range, vrf, ...fields }: ClaimInputs): PoolInputs {
  return {
    site,
    name: pool,
    backend: "netbox",
    ...(prefix !== undefined && { prefix }),
    ...(range !== undefined && { range }),
    ...(vrf !== undefined && { vrf }),
    claims: { [owner]: fields },
  };
}

function asPoolState({ inputs, outputs }: { inputs: ClaimInputs; outputs: ClaimOutputs }): PoolState {
  const addresses = outputs.ip === "" ? {} : { [inputs.owner]: outputs.ip };
  const pending = outputs.recorded ? [] : [inputs.owner];
  return {
    inputs: poolOf(inputs),
    outputs: { addresses, generation: 1, resting: [], pending, orphans: [], strays: [] },
  };
}

function ownOutputs({ owner }: ClaimInputs, { addresses, pending }: PoolState["outputs"]): ClaimOutputs {
  return { ip: addresses[owner] ?? "", recorded: !pending.includes(owner) };
}
