import {
  type Address,
  type AddressRange,
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  overlaps,
  type Parsed,
  parseAddress,
  parseCidr,
  parseRange,
  usable,
} from "../address/cidr";
import { checkSchematic } from "../boot/schematic";
import type { Problem } from "../problem";
import { findTalosRelease, kubernetesProblems, talosProblems } from "../talos/releases";
import { compareMinors, normaliseVersion } from "../talos/version";
import { name } from "./fields";

/**
 * Rules between the fields of a site file. They run on the raw text, next to the schema: a rule takes only values that
 * are sound by themselves and stays silent about the rest, which the schema reports.
 */
export function checkRules(raw: unknown): Problem[] {
  const site = readDraft(raw);
  return [
    ...checkNetworks(site),
    ...checkAddresses(site),
    ...checkLoopback(site),
    ...checkMachines(site),
    ...checkPools(site),
    ...checkTalos(site),
  ];
}

interface Located<T> {
  readonly path: string;
  readonly value: T;
}

interface DraftMachine {
  readonly key: string;
  readonly role: unknown;
  readonly hostname: string;
  readonly mac?: string;
  readonly address?: Located<Address>;
  readonly disk: string;
}

/** What of a site file is sound enough to compare. */
interface Draft {
  readonly provider: unknown;
  readonly cidr?: Located<Cidr>;
  readonly networks: readonly Located<Cidr>[];
  readonly gateway?: Located<Address>;
  readonly vip?: Located<Address>;
  readonly hasVip: boolean;
  readonly nameservers: readonly Located<Address>[];
  readonly claims: readonly Located<string>[];
  readonly pools: readonly {
    readonly key: string;
    readonly raw: Record<string, unknown>;
    readonly range?: Located<AddressRange>;
  }[];
  readonly machines: readonly DraftMachine[];
  readonly talos: Record<string, unknown>;
  readonly kubernetes: Record<string, unknown>;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function located<T>(
  value: unknown,
  path: string,
  parse: (text: string, path: string) => Parsed<T>,
): Located<T> | undefined {
  const parsed = typeof value === "string" ? parse(value, path).value : undefined;
  return parsed === undefined ? undefined : { path, value: parsed };
}

function readDraft(raw: unknown): Draft {
  const site = record(raw);
  const network = record(site.network);
  const machines = Object.entries(record(site.machines)).map(([key, value]) => ({ key, machine: record(value) }));
  const claimed = [
    { path: "network.vip", value: network.vip },
    ...machines.map(({ key, machine }) => ({ path: `machines.${key}.address`, value: machine.address })),
  ];
  const cidr = located(network.cidr, "network.cidr", parseCidr);
  const pods = located(network.pods ?? "10.244.0.0/16", "network.pods", parseCidr);
  const services = located(network.services ?? "10.96.0.0/12", "network.services", parseCidr);
  const gateway = located(network.gateway, "network.gateway", parseAddress);
  const vip = located(network.vip, "network.vip", parseAddress);
  return {
    provider: site.provider,
    ...(cidr && { cidr }),
    networks: [cidr, pods, services].filter((network) => network !== undefined),
    ...(gateway && { gateway }),
    ...(vip && { vip }),
    hasVip: network.vip !== undefined,
    nameservers: list(network.nameservers)
      .map((value, index) => located(value, `network.nameservers[${index}]`, parseAddress))
      .filter((nameserver) => nameserver !== undefined),
    claims: claimed.flatMap(({ path, value }) => {
      const pool = record(value).pool;
      return typeof pool === "string" ? [{ path: `${path}.pool`, value: pool }] : [];
    }),
    pools: Object.entries(record(site.pools)).map(([key, value]) => {
      const range = located(record(value).range, `pools.${key}.range`, parseRange);
      return { key, raw: record(value), ...(range && { range }) };
    }),
    machines: machines.map(({ key, machine }) => {
      const address = located(machine.address, `machines.${key}.address`, parseAddress);
      return {
        key,
        role: machine.role,
        hostname: typeof machine.hostname === "string" ? machine.hostname : key,
        ...(typeof machine.mac === "string" && { mac: machine.mac.toLowerCase() }),
        ...(address && { address }),
        disk: JSON.stringify(record(machine.disk)),
      };
    }),
    talos: record(site.talos),
    kubernetes: record(site.kubernetes),
  };
}

function checkNetworks({ networks, cidr, gateway }: Draft): Problem[] {
  const problems: Problem[] = [];
  networks.forEach((network, index) => {
    for (const other of networks.slice(0, index)) {
      if (!overlaps(network.value, other.value)) continue;
      problems.push({
        path: network.path,
        reason: `${formatCidr(network.value)} overlaps ${other.path} ${formatCidr(other.value)}`,
        fix: "machines, pods and services need networks of their own; change one of them",
      });
    }
  });
  const services = networks.find((network) => network.path === "network.services");
  if (services && services.value.family === 4 && services.value.prefixLength > 24) {
    problems.push({
      path: services.path,
      reason: `${formatCidr(services.value)} is too small for a cluster's services`,
      fix: "take a /24 or larger; the default is 10.96.0.0/12",
    });
  }
  if (cidr && gateway && !contains(usable(cidr.value), gateway.value)) problems.push(outside(gateway, cidr, "gateway"));
  return problems;
}

function outside(address: Located<Address>, cidr: Located<Cidr>, what: string): Problem {
  const range = usable(cidr.value);
  const first = formatAddress({ family: range.family, value: range.first });
  const last = formatAddress({ family: range.family, value: range.last });
  return {
    path: address.path,
    reason: `${what} ${formatAddress(address.value)} is not a host address of network.cidr ${formatCidr(cidr.value)}`,
    fix: `choose one of ${first} to ${last}, or change network.cidr`,
  };
}

function checkAddresses({ cidr, gateway, vip, machines }: Draft): Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<string, string>();
  if (gateway) taken.set(formatAddress(gateway.value), "network.gateway");
  const claim = (address: Located<Address>, what: string) => {
    const text = formatAddress(address.value);
    const holder = taken.get(text);
    if (holder !== undefined) {
      problems.push({
        path: address.path,
        reason: `${text} is already used by ${holder}`,
        fix: "give each its own address",
      });
    } else taken.set(text, address.path);
    if (cidr && !contains(usable(cidr.value), address.value)) problems.push(outside(address, cidr, what));
  };
  for (const { address } of machines) if (address) claim(address, "address");
  if (vip) claim(vip, "VIP");
  return problems;
}

const LOOPBACK: readonly AddressRange[] = [
  { family: 4, first: 127n << 24n, last: (128n << 24n) - 1n },
  { family: 6, first: 1n, last: 1n },
];

/** Loopback addresses belong to simulated machines, and simulated machines have no others. */
function checkLoopback({ provider, cidr, gateway, vip, nameservers, machines }: Draft): Problem[] {
  const network = cidr && { path: cidr.path, range: cidr.value, text: formatCidr(cidr.value) };
  const addresses = [gateway, vip, ...nameservers, ...machines.map((machine) => machine.address)]
    .filter((address) => address !== undefined)
    .map(({ path, value }) => ({
      path,
      range: { family: value.family, first: value.value, last: value.value },
      text: formatAddress(value),
    }));
  const all = network ? [network, ...addresses] : addresses;
  if (provider !== "lab") {
    return all
      .filter(({ range }) => LOOPBACK.some((loopback) => overlaps(loopback, range)))
      .map(({ path, text }) => ({
        path,
        reason: `${text} is a loopback address`,
        fix: "use an address of the machines' real network; loopback is for provider: lab",
      }));
  }
  return network && !LOOPBACK.some((loopback) => contains(loopback, network.range))
    ? [
        {
          path: network.path,
          reason: `${network.text} is not a loopback network`,
          fix: "simulated machines live on 127.x.y.0/24; for real machines write provider: metal",
        },
      ]
    : [];
}

function checkMachines({ machines, hasVip }: Draft): Problem[] {
  const problems: Problem[] = [];
  const unique = (path: string, what: string, value: string | undefined, seen: Map<string, string>) => {
    if (value === undefined) return;
    const holder = seen.get(value);
    if (holder === undefined) seen.set(value, path);
    else
      problems.push({
        path,
        reason: `${what} ${value} is already used by ${holder}`,
        fix: "every machine needs its own",
      });
  };
  const macs = new Map<string, string>();
  const hostnames = new Map<string, string>();
  const disks = new Map<string, string>();
  for (const machine of machines) {
    const checked = name.safeParse(machine.key);
    if (!checked.success) {
      problems.push({
        path: `machines.${machine.key}`,
        reason: `the key "${machine.key}" is not an RFC 1123 label`,
        fix: "use 1 to 63 lower-case letters, digits and hyphens",
      });
    }
    unique(`machines.${machine.key}.mac`, "MAC address", machine.mac, macs);
    unique(`machines.${machine.key}.hostname`, "hostname", machine.hostname, hostnames);
    if (/wwid|serial/.test(machine.disk)) unique(`machines.${machine.key}.disk`, "disk", machine.disk, disks);
  }
  const controlPlanes = machines.filter((machine) => machine.role === "controlplane").length;
  if (machines.every((machine) => machine.role === "controlplane" || machine.role === "worker")) {
    if (controlPlanes === 0) {
      problems.push({
        path: "machines",
        reason: "no machine is a control plane",
        fix: "give one, three or five machines role: controlplane",
      });
    } else if (controlPlanes % 2 === 0) {
      problems.push({
        path: "machines",
        reason: `${controlPlanes} control planes: etcd with ${controlPlanes} members survives no more failures than with ${controlPlanes - 1}${controlPlanes === 2 ? ", and the loss of either stops it" : ""}`,
        fix: `use ${controlPlanes - 1} or ${controlPlanes + 1}`,
      });
    }
    if (controlPlanes > 1 && !hasVip) {
      problems.push({
        path: "network.vip",
        reason: `is missing with ${controlPlanes} control planes`,
        fix: "name a free address of network.cidr that the control planes share",
      });
    }
  }
  return problems;
}

function checkPools({ pools, claims, cidr }: Draft): Problem[] {
  const problems: Problem[] = [];
  const known = pools.map((pool) => pool.key);
  for (const { path, value } of claims) {
    if (known.includes(value)) continue;
    problems.push({
      path,
      reason: `there is no pool "${value}"`,
      fix: known.length > 0 ? `use one of ${known.join(", ")}` : `add it under pools: ${value}: {range: …}`,
    });
  }
  for (const { key, raw } of pools) {
    const netbox = raw.backend === "netbox";
    const [needed, other] = netbox ? ["prefix", "range"] : ["range", "prefix"];
    if (raw[needed] === undefined) {
      problems.push({
        path: `pools.${key}.${needed}`,
        reason: "is missing",
        fix: netbox
          ? "name the NetBox prefix, as in 10.0.3.0/24"
          : "write first and last address, as in 10.0.3.4-10.0.3.20",
      });
    }
    if (raw[other] !== undefined) {
      problems.push({
        path: `pools.${key}.${other}`,
        reason: `has no meaning with backend ${netbox ? "netbox" : "static"}`,
        fix: `remove it or change pools.${key}.backend`,
      });
    }
  }
  pools.forEach(({ range }, index) => {
    if (!range) return;
    if (cidr && !contains(cidr.value, range.value)) {
      problems.push({
        path: range.path,
        reason: `lies outside network.cidr ${formatCidr(cidr.value)}`,
        fix: "choose addresses of that network",
      });
    }
    for (const other of pools.slice(0, index)) {
      if (other.range && overlaps(other.range.value, range.value)) {
        problems.push({
          path: range.path,
          reason: `overlaps ${other.range.path}`,
          fix: "give each pool addresses of its own",
        });
      }
    }
  });
  return problems;
}

function checkTalos({ talos, kubernetes }: Draft): Problem[] {
  const strings = (value: unknown) => list(value).filter((item) => typeof item === "string");
  const problems = checkVersions(talos, kubernetes);
  const extensions = strings(talos.extensions);
  const kernelArgs = strings(talos.kernelArgs);
  problems.push(...checkSchematic({ extensions, kernelArgs }, "talos"));
  if (talos.schematic !== undefined && extensions.length + kernelArgs.length > 0) {
    problems.push({
      path: "talos.schematic",
      reason: "stands beside extensions or kernelArgs",
      fix: "name either the id or what the image is made of",
    });
  }
  return problems;
}

/** Versions that are none at all are the schema's to report. */
function checkVersions(talos: Record<string, unknown>, kubernetes: Record<string, unknown>): Problem[] {
  const wanted = typeof talos.version === "string" ? normaliseVersion(talos.version) : undefined;
  const wantedKubernetes = typeof kubernetes.version === "string" ? normaliseVersion(kubernetes.version) : undefined;
  const problems: Problem[] = [];
  if (wanted !== undefined) problems.push(...talosProblems("talos.version", wanted));
  if (wantedKubernetes !== undefined)
    problems.push(...kubernetesProblems("kubernetes.version", wanted ?? "", wantedKubernetes));
  const release = wanted === undefined ? undefined : findTalosRelease(wanted);
  const contract = talos.configContract;
  if (release && typeof contract === "string" && compareMinors(contract.replace(/^v/, ""), release.minor) > 0) {
    problems.push({
      path: "talos.configContract",
      reason: `contract ${contract} is newer than talos.version ${wanted}`,
      fix: `leave it out for a new site, or write ${release.contract} or older`,
    });
  }
  return problems;
}
