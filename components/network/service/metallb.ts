import { type AddressRange, contains, formatCidr, overlaps, parseCidr, parseRange } from "../../address/cidr";
import { deploymentAvailable, type ObjectSpec, type PlatformService } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";
import type { Problem } from "../../problem";

/** Addresses that Services of type LoadBalancer get. */
export interface LoadBalancerPool {
  /** First and last address, as in 10.0.3.4-10.0.3.20, or a CIDR. In place; a Service keeps its address as long as it lies inside. */
  readonly range: string;
  /** How routers learn of them: `l2` answers for them on the machines' own network, `bgp` tells the peers. In place. @default "l2" */
  readonly mode?: "l2" | "bgp";
  /** Whether a Service that names no pool may get one of these. In place. @default true */
  readonly autoAssign?: boolean;
}

/** A router that is told of addresses by BGP. */
export interface BgpPeer {
  /** Address of the router. */
  readonly address: string;
  /** AS number of the router. */
  readonly asn: number;
}

/** Settings of MetalLB. */
export interface MetalLbSettings {
  /** Pools by name; a Service chooses one by the annotation `metallb.io/address-pool`. In place. */
  readonly pools: { readonly [name: string]: LoadBalancerPool };
  /** Own AS number; needed as soon as a pool has mode bgp. In place. @default - none */
  readonly asn?: number;
  /** Routers, by a stable key. In place. @default {} */
  readonly peers?: { readonly [key: string]: BgpPeer };
  /** Whether control planes answer for addresses, too: where there are no workers they have to. In place. @default false */
  readonly controlPlanes?: boolean;
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "metallb-system";
const GROUP = "metallb.io/v1beta1";

/** MetalLB with its pools, advertised by layer 2 or BGP. */
export function metalLbService(settings: MetalLbSettings): PlatformService {
  const { pools, peers = {}, asn, controlPlanes = false, values = {} } = settings;
  const bgp = Object.values(pools).some(({ mode }) => mode === "bgp");
  return {
    type: "plinth:network:MetalLb",
    name: "metallb",
    needs: ["network"],
    provides: ["load-balancer"],
    namespace: { name: NAMESPACE, podSecurity: "privileged" },
    chart: {
      name: "metallb",
      namespace: NAMESPACE,
      values: mergeValues(
        {
          // Without BGP the routing daemons would only cost memory on every node.
          frrk8s: { enabled: bgp },
          // Talos marks control planes as excluded from load balancers.
          speaker: { ignoreExcludeLB: controlPlanes },
        },
        values,
      ),
    },
    ready: {
      "MetalLB's webhook answers": {
        apiVersion: GROUP,
        kind: "IPAddressPool",
        namespace: NAMESPACE,
        name: "plinth-probe",
        admits: { spec: { addresses: ["203.0.113.1-203.0.113.1"], autoAssign: false } },
      },
    },
    objects: {
      ...Object.fromEntries(Object.entries(pools).flatMap(([name, pool]) => poolObjects(name, pool))),
      ...Object.fromEntries(
        Object.entries(peers).map(([key, peer]) => [
          `peer-${key}`,
          object("BGPPeer", key, { myASN: asn, peerASN: peer.asn, peerAddress: peer.address }),
        ]),
      ),
    },
    exit: {
      "MetalLB gives out addresses": deploymentAvailable(NAMESPACE, "metallb-controller"),
      ...Object.fromEntries(
        Object.keys(pools).map((name) => [
          `pool ${name} is there`,
          { apiVersion: GROUP, kind: "IPAddressPool", namespace: NAMESPACE, name, exists: true as const },
        ]),
      ),
    },
  };
}

function poolObjects(name: string, pool: LoadBalancerPool): readonly (readonly [string, ObjectSpec])[] {
  const kind = pool.mode === "bgp" ? "BGPAdvertisement" : "L2Advertisement";
  return [
    [`pool-${name}`, object("IPAddressPool", name, { addresses: [pool.range], autoAssign: pool.autoAssign ?? true })],
    [`advertisement-${name}`, object(kind, name, { ipAddressPools: [name] })],
  ];
}

function object(kind: string, name: string, spec: Values): ObjectSpec {
  const apiVersion = kind === "BGPPeer" ? "metallb.io/v1beta2" : GROUP;
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, spec };
}

/** An address or range that is taken already, with the words that name it. */
export interface TakenRange {
  readonly path: string;
  readonly range: AddressRange;
}

/** Pools whose addresses are not theirs to give: outside the network, in use, or in another pool. */
export function loadBalancerProblems(
  settings: Pick<MetalLbSettings, "pools" | "asn" | "peers">,
  network: string | undefined,
  taken: readonly TakenRange[],
  path = "platform.metallb",
): Problem[] {
  const cidr = network === undefined ? undefined : parseCidr(network, "network.cidr").value;
  const pools = Object.entries(settings.pools).flatMap(([name, { range, mode = "l2" }]) => {
    const at = `${path}.pools.${name}.range`;
    const parsed = parseRange(range, at);
    return parsed.problem ? [] : [{ path: at, mode, range: parsed.value }];
  });
  const problems = pools.flatMap((pool, index): Problem[] => [
    // By BGP any address may be told; on layer 2 nobody outside the network would hear of it.
    ...(pool.mode === "l2" && cidr !== undefined && !contains(cidr, pool.range)
      ? [
          {
            path: pool.path,
            reason: `lies outside network.cidr ${formatCidr(cidr)}, where nobody would hear of it`,
            fix: "choose addresses of that network, or mode: bgp",
          },
        ]
      : []),
    ...[...taken, ...pools.slice(0, index)]
      .filter((other) => overlaps(other.range, pool.range))
      .map((other) => ({
        path: pool.path,
        reason: `overlaps ${other.path}`,
        fix: "give it addresses that nobody else has",
      })),
  ]);
  const bgp = Object.entries(settings.pools).find(([, { mode }]) => mode === "bgp");
  if (bgp === undefined) return problems;
  const where = `pool ${bgp[0]} has mode: bgp`;
  if (settings.asn === undefined) {
    problems.push({ path: `${path}.asn`, reason: `is missing, and ${where}`, fix: "write the site's own AS number" });
  }
  if (Object.keys(settings.peers ?? {}).length === 0) {
    problems.push({ path: `${path}.peers`, reason: `is empty, and ${where}`, fix: "name the routers to be told" });
  }
  return problems;
}

/** An address of a pool that the site file gives to a Service. */
export interface GivenAddress {
  readonly path: string;
  readonly address: string;
}

/** Addresses that no pool has, or that two Services would have. */
export function givenAddressProblems(given: readonly GivenAddress[], pools: MetalLbSettings["pools"]): Problem[] {
  const ranges = Object.values(pools).flatMap(({ range }) => parseRange(range, "").value ?? []);
  return given.flatMap(({ path, address }, index): Problem[] => {
    const own = parseRange(address, "").value;
    const holder = given.slice(0, index).find((other) => other.address === address)?.path;
    return [
      ...(own === undefined || ranges.some((range) => overlaps(range, own))
        ? []
        : [
            {
              path,
              reason: `${address} lies in no pool of MetalLB`,
              fix: "choose an address of platform.metallb.pools, or add a pool that has it",
            },
          ]),
      ...(holder === undefined ? [] : [{ path, reason: `${address} is already ${holder}`, fix: "choose another one" }]),
    ];
  });
}

/**
 * Addresses that are given to one Service and are the first that MetalLB has for another, which names none: whichever
 * comes first has it, and the other waits for ever.
 */
export function firstAddressProblems(
  given: readonly GivenAddress[],
  { path, pool }: { readonly path: string; readonly pool?: string | undefined },
  pools: MetalLbSettings["pools"],
): Problem[] {
  const open = Object.entries(pools).filter(([name, { autoAssign = true }]) =>
    pool === undefined ? autoAssign : name === pool,
  );
  return given.flatMap((each): Problem[] => {
    const own = parseRange(each.address, "").value;
    const first = open.find(([, { range }]) => {
      const value = parseRange(range, "").value;
      return own !== undefined && value?.family === own.family && value.first === own.first;
    });
    if (first === undefined) return [];
    return [
      {
        path: each.path,
        reason: `${each.address} is the first address of pool ${first[0]}, and ${path} takes the first that is free`,
        fix: `choose another one, or give ${path} an address, too`,
      },
    ];
  });
}
