import { type AllocationPlan, allocate, byName } from "../../components/address/allocate";
import { type Address, formatAddress, overlaps, parseAddress } from "../../components/address/cidr";
import type { PoolInputs, PoolOutputs, RestingClaim } from "../../components/address/IpPool";
import { type Problem, refuse } from "../../components/problem";
import type { Context } from "../resource";
import { durationSeconds } from "../wait";
import { type Backend, type PoolState, stackOf } from "./backend";
import { type Ledger, type LedgerEntry, type Located, samePool } from "./ledger";
import { claimIds, readPool } from "./shape";

const heading = "The pool cannot give these addresses:";

/** Addresses kept by the stack's own state: the same inputs and state give the same addresses, at preview already. */
export function staticBackend(ledger: Ledger, now: () => Date = () => new Date()): Backend {
  return {
    async check(inputs, context) {
      const { shape } = readPool(inputs);
      const { problems } = allocate({ path: "", ...shape, existing: [], resting: [] });
      return [...problems, ...(await sharedProblems(ledger, inputs, context))];
    },

    async plan(inputs, prior, context) {
      const plan = planPool(inputs, prior);
      refuse(heading, plan.allocation.problems);
      const fresh = Object.entries(plan.addresses).filter(([owner]) => prior?.outputs.addresses[owner] === undefined);
      if (fresh.length > 0) context.log.info(fresh.map(([owner, address]) => `${owner} gets ${address}`).join(", "));
      return { addresses: plan.addresses };
    },

    async apply(inputs, prior, context) {
      const plan = planPool(inputs, prior);
      refuse(heading, [...plan.allocation.problems, ...(await sharedProblems(ledger, inputs, context))]);
      context.signal.throwIfAborted();
      await enter(ledger, inputs, context);
      const released = plan.released.map((one): RestingClaim => {
        const minimum = durationSeconds(inputs.quarantine?.minimum ?? "24h") ?? 0;
        return { ...one, generation: plan.generation, until: new Date(now().getTime() + minimum * 1000).toISOString() };
      });
      const resting = [...plan.resting, ...released];
      return {
        outputs: {
          addresses: plan.addresses,
          generation: plan.generation,
          resting,
          pending: [],
          orphans: [],
          strays: [],
          ...(resting.length > 0 && { asOf: now().toISOString() }),
        },
      };
    },

    async read({ inputs, outputs }, context) {
      const problems = await sharedProblems(ledger, inputs, context);
      for (const { reason, fix } of problems) context.log.warn(`${reason} (${fix})`);
      // A stack that moved here from another host, or whose entry was lost, is not in the ledger.
      if (problems.length === 0) await enter(ledger, inputs, context);
      const time = now().toISOString();
      const over = outputs.resting.some(({ until }) => until <= time && until > (outputs.asOf ?? ""));
      return over ? { ...outputs, asOf: time } : outputs;
    },

    async release({ inputs }, context) {
      await ledger.leave(entryOf(inputs, context));
    },
  };
}

/** What a change of a static pool leads to. */
export interface PoolPlan {
  readonly allocation: AllocationPlan;
  readonly addresses: PoolOutputs["addresses"];
  readonly generation: number;
  /** Still at rest after this change. */
  readonly resting: readonly RestingClaim[];
  /** Given back by this change. */
  readonly released: readonly { readonly id: string; readonly address: string }[];
}

/** What a change of the pool leads to. Reads no clock: the state says when it was last looked at. */
export function planPool(inputs: PoolInputs, prior: PoolState | undefined): PoolPlan {
  const { shape } = readPool(inputs);
  const generation = (prior?.outputs.generation ?? 0) + 1;
  const held = heldBy(prior);
  const wanted = new Set(shape.claims.map(({ id }) => id));
  const resting = (prior?.outputs.resting ?? []).filter((one) => !isOver(one, inputs, generation, prior?.outputs.asOf));
  const leaving = held.filter(({ id }) => !wanted.has(id));
  const allocation = allocate({
    path: "",
    ...shape,
    existing: parsed(held.filter(({ id }) => wanted.has(id))),
    resting: [
      ...resting.flatMap((one) => parsed([one]).map((each) => ({ ...each, until: one.until }))),
      ...parsed(leaving).map((one) => ({ ...one, until: `${inputs.quarantine?.minimum ?? "24h"} after this change` })),
    ],
  });
  const byId = new Map(shape.claims.map(({ key, id }) => [id, allocation.addresses.get(key)]));
  const addresses = Object.fromEntries(
    [...allocation.addresses]
      .sort(([a], [b]) => byName(a, b))
      .map(([owner, address]) => [owner, formatAddress(address)]),
  );
  const taken = new Set(Object.values(addresses));
  const moved = held.filter(({ id, address }) => {
    const given = byId.get(id);
    return wanted.has(id) && given !== undefined && formatAddress(given) !== address;
  });
  return {
    allocation,
    addresses,
    generation,
    resting: resting.filter(({ address }) => !taken.has(address)),
    released: [...leaving, ...moved],
  };
}

/** Addresses that the stored claims hold, by claim id. */
function heldBy(prior: PoolState | undefined): { id: string; address: string }[] {
  if (!prior) return [];
  return [...claimIds(prior.inputs)].flatMap(([owner, id]) => {
    const address = prior.outputs.addresses[owner];
    return address === undefined ? [] : [{ id, address }];
  });
}

function parsed(list: readonly { id: string; address: string }[]): { id: string; address: Address }[] {
  return list.flatMap(({ id, address }) => {
    const { value } = parseAddress(address, "");
    return value ? [{ id, address: value }] : [];
  });
}

/** Whether enough changes and enough time have passed since the release. */
function isOver(one: RestingClaim, { quarantine }: PoolInputs, generation: number, asOf: string | undefined): boolean {
  const generations = quarantine?.generations ?? 1;
  return generation > one.generation + generations && asOf !== undefined && asOf >= one.until;
}

function entryOf({ site, vrf, name, range }: PoolInputs, context: Context): LedgerEntry {
  return { stack: stackOf(context.urn), site, vrf: vrf ?? "", pool: name, range: range ?? "" };
}

/**
 * Writes the pool down and looks again who else has its addresses: of two stacks that come at the same moment, at least
 * one sees the other. What is refused leaves the ledger as it was.
 */
async function enter(ledger: Ledger, inputs: PoolInputs, context: Context): Promise<void> {
  const own = entryOf(inputs, context);
  const before = (await ledger.entries()).find((one): one is Located => !("broken" in one) && samePool(one, own));
  if (before?.range === own.range) return;
  await ledger.enter(own);
  const problems = await sharedProblems(ledger, inputs, context);
  if (problems.length > 0) await (before ? ledger.enter(before) : ledger.leave(own));
  refuse(heading, problems);
}

/** Other stacks' static pools of the same site and VRF whose addresses this pool would give as well. */
async function sharedProblems(ledger: Ledger, inputs: PoolInputs, context: Context): Promise<Problem[]> {
  const own = entryOf(inputs, context);
  const [range] = readPool(inputs).shape.ranges;
  return (await ledger.entries()).flatMap((other): Problem[] => {
    if ("broken" in other) {
      // The pool's own is written anew.
      if (other.file === ledger.fileOf(own)) return [];
      const reason = `${other.file} ${other.broken}: another stack on this host may give the same addresses`;
      return [
        { path: "range", reason, fix: "remove it, then refresh the stacks with static pools: each enters its own" },
      ];
    }
    if (other.stack === own.stack || other.site !== own.site || other.vrf !== own.vrf || !range) return [];
    const [theirs] = readPool({ ...inputs, range: other.range, claims: {} }).shape.ranges;
    if (!theirs || !overlaps(range, theirs)) return [];
    return [
      {
        path: "range",
        reason: `the static pool ${other.pool} of the stack ${other.stack} gives addresses of ${other.range} too`,
        fix: `make the ranges disjoint, or share the pool through NetBox; if that stack is gone, remove ${other.file}`,
      },
    ];
  });
}
