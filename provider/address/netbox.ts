import { allocate } from "../../components/address/allocate";
import { formatAddress, parseAddress } from "../../components/address/cidr";
import { readableClaim } from "../../components/address/claim";
import type { PoolInputs, PoolOutputs, PoolPort } from "../../components/address/IpPool";
import { type Problem, ProblemError } from "../../components/problem";
import { type Unknown, unknown } from "../draft";
import { ensureClaims, type NetBoxClaim, releaseClaims } from "../netbox/claims";
import type { NetBox } from "../netbox/client";
import { asProblem, mended } from "../netbox/errors";
import {
  describeFull,
  findAt,
  findClaims,
  findSource,
  hostOf,
  nameOf,
  nextFree,
  type Source,
  sameHost,
} from "../netbox/ipam";
import { setupProblems, stackField } from "../netbox/setup";
import type { Context } from "../resource";
import { type Backend, type PoolState, stackOf } from "./backend";
import type { Connect } from "./connect";
import { type Ports, registerPorts, strayPorts, unregisterPorts } from "./ports";
import { reservations, reserve, reservedProblems } from "./reservations";
import { claimIds, identityOf, readPool } from "./shape";

/** Addresses kept by NetBox, shared with everyone who uses it. */
export function netboxBackend(connect: Connect): Backend {
  /** Runs with a client that is closed afterwards; what a person can mend becomes a problem. */
  const using = async <T>(context: Context, work: (netbox: NetBox) => Promise<T>): Promise<T> => {
    const netbox = connect(context);
    try {
      return await work(netbox);
    } catch (error) {
      return mended(error);
    } finally {
      netbox.close();
    }
  };

  return {
    async check(inputs, context) {
      try {
        return await using(context, (netbox) => checkPool(netbox, inputs, context));
      } catch (error) {
        if (error instanceof ProblemError) return error.problems;
        throw error;
      }
    },

    plan: (inputs, prior, context) =>
      using(context, async (netbox) => {
        const source = await sourceOf(netbox, inputs);
        const records = await findClaims(netbox, [...claimIds(inputs).values()]);
        const seen: Record<string, string | Unknown> = {};
        const open: string[] = [];
        for (const [owner, id] of claimIds(inputs)) {
          const record = records.get(id);
          const wish = inputs.claims[owner]?.address;
          const known = wish ?? (record ? hostOf(record.address) : prior?.outputs.addresses[owner]);
          if (known === undefined) open.push(owner);
          seen[owner] = known ?? unknown;
        }
        if (open.length > 0) {
          const next = (await nextFree(netbox, source, Math.min(open.length, 8))).join(", ");
          context.log.info(`${open.join(", ")}: next free, not reserved: ${next}`);
        }
        return { addresses: seen };
      }),

    apply: (inputs, prior, context) =>
      using(context, async (netbox) => {
        const source = await sourceOf(netbox, inputs);
        const reserved = await reserve(netbox, source, inputs, context);
        // With a gateway that nobody wrote down, NetBox would give it to the first claim.
        const safe = reserved.failures.length === 0;
        const ports = safe ? await registerPorts(netbox, inputs, context.signal) : noPorts;
        const claims = netboxClaims(inputs, prior, ports, context);
        const held = safe ? await ensureClaims(netbox, source, [...claims.values()], context.signal) : reserved;
        for (const warning of held.warnings) context.log.warn(warning);
        const failures = [...ports.failures, ...held.failures];
        const touched =
          held.touched || reserved.touched || Object.values(inputs.claims).some(({ register }) => register);
        if (!prior && failures.length > 0 && !touched) throw new Error(failures.join("\n"));

        const given: Record<string, string> = {};
        for (const [owner, { id }] of claims) {
          const kept = held.addresses.get(id) ?? prior?.outputs.addresses[owner];
          if (kept !== undefined) given[owner] = kept;
        }
        const settled = (owner: string, id: string) =>
          held.settled.has(id) && ports.ids.has(owner) === (inputs.claims[owner]?.register !== undefined);
        const outputs: PoolOutputs = {
          addresses: given,
          generation: (prior?.outputs.generation ?? 0) + 1,
          resting: [],
          pending: [...claims].flatMap(([owner, { id }]) => (settled(owner, id) ? [] : [owner])),
          orphans: prior ? await releaseOld(netbox, inputs, prior, context, failures) : [],
          strays: prior ? await unregisterOld(netbox, inputs, prior, context, failures) : [],
        };
        return { outputs, ...(failures.length > 0 && { failures }) };
      }),

    read: ({ inputs, outputs }, context) =>
      using(context, async (netbox) => {
        const ids = claimIds(inputs);
        const records = await findClaims(netbox, [...ids.values()]);
        const given: Record<string, string> = { ...outputs.addresses };
        const pending: string[] = [];
        for (const [owner, id] of ids) {
          const record = records.get(id);
          if (record?.custom_fields[stackField] === stackOf(context.urn)) given[owner] = hostOf(record.address);
          else pending.push(owner);
        }
        return { ...outputs, addresses: given, pending };
      }),

    release: ({ inputs, outputs }, context) =>
      using(context, async (netbox) => {
        await releaseRecorded(netbox, [...ownIds(inputs, context), ...outputs.orphans], inputs, context);
        const failures: string[] = [];
        const ports = strayPorts(undefined, inputs, outputs.strays);
        await unregisterPorts(netbox, ownerOf(inputs, context), ports, context.signal, failures);
        if (failures.length > 0) throw new Error(failures.join("\n"));
      }),
  };
}

/** Whose interfaces a pool registers. */
function ownerOf({ site }: PoolInputs, { urn }: Context): { site: string; stack: string } {
  return { site, stack: stackOf(urn) };
}

/** Every record that a pool keeps: its claims' and its reserved addresses'. */
function ownIds(inputs: PoolInputs, context: Context): string[] {
  return [...claimIds(inputs).values(), ...reservations(inputs, context).map(({ id }) => id)];
}

async function sourceOf(netbox: NetBox, inputs: PoolInputs): Promise<Source> {
  const found = await findSource(netbox, {
    from: inputs.prefix ?? inputs.range ?? "",
    path: inputs.prefix === undefined ? "range" : "prefix",
    ...(inputs.vrf !== undefined && { vrf: inputs.vrf }),
  });
  if ("reason" in found) throw new ProblemError("The pool cannot be used:", [found]);
  return found;
}

/** Everything that can be known to go wrong before anything is written. */
async function checkPool(netbox: NetBox, inputs: PoolInputs, context: Context): Promise<Problem[]> {
  const { warning } = await netbox.capabilities();
  if (warning !== undefined) context.log.warn(warning);
  const problems = await setupProblems(netbox, inputs.site).catch((error: unknown) => {
    const problem = asProblem(error);
    if (problem) return [{ ...problem, reason: `tags or custom fields cannot be read: ${problem.reason}` }];
    throw error;
  });
  if (problems.length > 0) return problems;
  const source = await sourceOf(netbox, inputs);
  const { shape } = readPool(inputs);
  const ids = shape.claims.map(({ id }) => id);
  const records = await findClaims(netbox, ids);
  const existing = [...records].flatMap(([id, { address }]) => {
    const { value } = parseAddress(hostOf(address), "");
    return value ? [{ id, address: value }] : [];
  });
  problems.push(...allocate({ path: "", ...shape, ranges: [source.range], existing, resting: [] }).problems);
  problems.push(...reservedProblems(inputs, source.range));
  if (problems.length > 0) return problems;

  const wishes = shape.claims.flatMap(({ key, id, address }) =>
    address ? [{ key, id, host: formatAddress(address) }] : [],
  );
  const there = await findAt(
    netbox,
    source,
    wishes.map(({ host }) => host),
  );
  for (const { key, id, host } of wishes) {
    const holder = there.find((record) => sameHost(record.address, host));
    if (!holder || records.get(id)?.id === holder.id) continue;
    const reason = `${host} is held in NetBox by "${nameOf(holder)}"`;
    problems.push({ path: `claims.${key}.address`, reason, fix: "choose another address, or remove that record" });
  }
  const newcomers = shape.claims.filter(({ id, address }) => address === undefined && !records.has(id)).length;
  if (newcomers > 0 && (await nextFree(netbox, source, newcomers)).length < newcomers) {
    const reason = await describeFull(netbox, source, newcomers);
    problems.push({
      path: inputs.prefix === undefined ? "range" : "prefix",
      reason,
      fix: "widen it, or release addresses",
    });
  }
  return problems;
}

const noPorts: Ports = { ids: new Map(), failures: [] };

function netboxClaims(
  inputs: PoolInputs,
  prior: PoolState | undefined,
  ports: Ports,
  context: Context,
): Map<string, NetBoxClaim> {
  const before = prior && claimIds(prior.inputs);
  const interfaceOf = (owner: string) => {
    const interfaceId = ports.ids.get(owner);
    return interfaceId === undefined ? {} : { interfaceId };
  };
  return new Map(
    [...claimIds(inputs)].map(([owner, id]) => {
      const { address, dnsName, description } = inputs.claims[owner] ?? {};
      // The same owner with another purpose is another claim: it does not inherit the address.
      const last = before?.get(owner) === id ? prior?.outputs.addresses[owner] : undefined;
      const claim: NetBoxClaim = {
        id,
        readable: readableClaim(identityOf(inputs, owner)),
        site: inputs.site,
        stack: stackOf(context.urn),
        ...(address !== undefined && { address }),
        ...(last !== undefined && { last }),
        ...(dnsName !== undefined && { dnsName }),
        ...(description !== undefined && { description }),
        ...interfaceOf(owner),
      };
      return [owner, claim];
    }),
  );
}

/** Gives back what the stored inputs claimed or reserved and the new ones do not. Returns what could not be. */
async function releaseOld(
  netbox: NetBox,
  inputs: PoolInputs,
  prior: PoolState,
  context: Context,
  failures: string[],
): Promise<string[]> {
  const wanted = new Set(ownIds(inputs, context));
  const old = [...ownIds(prior.inputs, context), ...prior.outputs.orphans].filter((id) => !wanted.has(id));
  // An address that goes back is the next one NetBox gives: not while a claim of this very change waits for one.
  if (failures.length > 0 || old.length === 0) return old;
  try {
    context.signal.throwIfAborted();
    await releaseRecorded(netbox, old, inputs, context);
    return [];
  } catch (error) {
    failures.push(`addresses no longer claimed: ${error instanceof Error ? error.message : String(error)}`);
    return old;
  }
}

/** Takes back interfaces that no claim names any more, once their addresses are. Returns what could not be. */
async function unregisterOld(
  netbox: NetBox,
  inputs: PoolInputs,
  prior: PoolState,
  context: Context,
  failures: string[],
): Promise<PoolPort[]> {
  const old = strayPorts(inputs, prior.inputs, prior.outputs.strays);
  if (failures.length > 0) return old;
  return unregisterPorts(netbox, ownerOf(prior.inputs, context), old, context.signal, failures);
}

async function releaseRecorded(
  netbox: NetBox,
  ids: readonly string[],
  inputs: PoolInputs,
  context: Context,
): Promise<void> {
  if (ids.length === 0) return;
  const target = `${inputs.site}/${inputs.name}`;
  await context.audit({ act: "release-address", target, detail: `up to ${ids.length} addresses go back to NetBox` });
  await releaseClaims(netbox, ids, stackOf(context.urn));
}
