import type { PoolInputs } from "../../components/address/IpPool";
import type { NodePlan, SitePlan } from "../../components/site/plan";
import type { AddressPlan } from "../../components/site/pools";
import type { PoolState } from "../../provider/address/backend";
import { poolResource } from "../../provider/address/real";
import { planPool } from "../../provider/address/static";
import { storedPools } from "../../provider/address/stored";
import type { Context } from "../../provider/resource";
import { readState } from "../engine/engine";
import { type Instance, PROJECT, STACK } from "../instance/instance";
import type { NetBoxAccess } from "./netbox";

/**
 * The plan with an address for every claim, as the machines' DHCP server has to know it: a machine must be reachable
 * before plinth can configure it. What is claimed here is found again, by its claim, when the engine comes to the pool.
 */
export async function resolveClaims(
  instance: Instance,
  plan: SitePlan,
  netbox: NetBoxAccess | undefined,
): Promise<SitePlan> {
  const given = new Map<string, Readonly<Record<string, string>>>();
  for (const [name, inputs] of Object.entries(plan.pools)) {
    if (Object.keys(inputs.claims).length > 0) given.set(name, await addressesOf(instance, inputs, netbox));
  }
  const literal = (address: AddressPlan): AddressPlan => {
    if ("literal" in address) return address;
    const found = given.get(address.claim.pool)?.[address.claim.owner];
    if (found === undefined) throw new Error(`the pool ${address.claim.pool} gave ${address.claim.owner} no address`);
    return { literal: found };
  };
  const nodes = plan.nodes.map((node): NodePlan => ({ ...node, address: literal(node.address) }));
  return { ...plan, nodes, endpoint: { ...plan.endpoint, address: literal(plan.endpoint.address) } };
}

async function addressesOf(instance: Instance, inputs: PoolInputs, netbox: NetBoxAccess | undefined) {
  const stored = storedPool(instance, inputs);
  if (inputs.backend !== "netbox") return planPool(inputs, stored).addresses;
  if (netbox === undefined) throw new Error("a site with a NetBox pool has a NetBox");
  const context = contextOf(netbox);
  // What the engine remembers is taken again exactly; giving anything back is the engine's to do.
  const { outputs, failures = [] } =
    stored === undefined
      ? await poolResource.create(inputs, context)
      : await poolResource.update("pool", { inputs, outputs: { ...stored.outputs, orphans: [] } }, inputs, context);
  if (failures.length > 0) throw new Error(failures.join("\n"));
  return outputs.addresses;
}

function storedPool(instance: Instance, { site, name }: PoolInputs): PoolState | undefined {
  const latest = readState(instance);
  if (latest === undefined) return undefined;
  const pools = storedPools(JSON.stringify({ deployment: latest }), "the instance's state");
  return pools.find(({ inputs }) => inputs.site === site && inputs.name === name);
}

/** The surroundings of a provider's call, for the stack that will ask for the same addresses. */
function contextOf(netbox: NetBoxAccess): Context {
  const quiet = () => undefined;
  const { signal } = new AbortController();
  return {
    urn: `urn:pulumi:${STACK}::${PROJECT}::plinth:address:Pool::pool`,
    config: { netbox },
    signal,
    log: { info: quiet, warn: quiet, progress: quiet },
    audit: async () => undefined,
    lease: (_hold, work) => work(signal),
    redact: (text) => text.replaceAll(netbox.token, "[secret]"),
  };
}
