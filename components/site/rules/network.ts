import {
  type Address,
  type AddressRange,
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  overlaps,
  parseAddress,
  usable,
} from "../../address/cidr";
import type { Problem } from "../../problem";
import { podProblems, serviceProblems } from "./capacity";
import { type Draft, type Located, list, record } from "./draft";

/** Networks of machines, pods and services lie apart and are large enough. */
export function checkNetworks(draft: Draft): Problem[] {
  const { networks, cidr, gateway } = draft;
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
  for (const network of networks) {
    if (!cidr || network.value.family === cidr.value.family) continue;
    problems.push({
      path: network.path,
      reason: `${formatCidr(network.value)} is IPv${network.value.family}, and network.cidr is IPv${cidr.value.family}`,
      fix: `write an IPv${cidr.value.family} network`,
    });
  }
  const pods = networks.find((network) => network.path === "network.pods");
  if (pods) problems.push(...podProblems(pods, draft));
  const services = networks.find((network) => network.path === "network.services");
  if (services) problems.push(...serviceProblems(services, draft));
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

/** Every address is used once, and inside its network. */
export function checkAddresses({ cidr, gateway, vip, machines }: Draft): Problem[] {
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

/** Addresses that are no machine's: "this one", groups of machines, and what has no owner at all. */
const NOBODYS: readonly AddressRange[] = [
  { family: 4, first: 0n, last: (1n << 24n) - 1n },
  { family: 4, first: 224n << 24n, last: (1n << 32n) - 1n },
  { family: 6, first: 0n, last: 0n },
  { family: 6, first: 0xffn << 120n, last: (1n << 128n) - 1n },
];

const OWN_NETWORK = "use an address of the machines' real network; loopback is for provider: lab";

/** Loopback addresses belong to simulated machines, and simulated machines have no others. */
export function checkLoopback(draft: Draft): Problem[] {
  const { provider, cidr, gateway, vip, nameservers, machines } = draft;
  const network = cidr && { path: cidr.path, range: cidr.value, text: formatCidr(cidr.value) };
  const hosts = namedHosts(draft);
  const addresses = [
    ...[gateway, vip, ...nameservers, ...machines.map((machine) => machine.address)].filter(
      (address) => address !== undefined,
    ),
    ...hosts.flatMap(({ path, value }) => {
      const address = parseAddress(value, path).value;
      return address === undefined ? [] : [{ path, value: address }];
    }),
  ].map(({ path, value }) => ({
    path,
    range: { family: value.family, first: value.value, last: value.value },
    text: formatAddress(value),
  }));
  const problems: Problem[] = addresses
    .filter(({ range }) => NOBODYS.some((nobodys) => contains(nobodys, range)))
    .map(({ path, text }) => ({ path, reason: `${text} is no machine's address`, fix: "write the address of one" }));
  const all = network ? [network, ...addresses] : addresses;
  if (provider !== "lab") {
    const names = hosts.filter(({ value }) => /^(.*\.)?localhost$/.test(value));
    return [
      ...problems,
      ...names.map(({ path, value }) => ({
        path,
        reason: `${value} is each machine itself`,
        fix: OWN_NETWORK,
      })),
      ...all
        .filter(({ range }) => LOOPBACK.some((loopback) => overlaps(loopback, range)))
        .map(({ path, text }) => ({ path, reason: `${text} is a loopback address`, fix: OWN_NETWORK })),
    ];
  }
  if (network === undefined || LOOPBACK.some((loopback) => contains(loopback, network.range))) return problems;
  return [
    ...problems,
    {
      path: network.path,
      reason: `${network.text} is not a loopback network`,
      fix: "simulated machines live on 127.x.y.0/24; for real machines write provider: metal",
    },
  ];
}

/** What machines call by a name or an address: the API, time servers, proxies. */
function namedHosts({ network }: Draft): Located<string>[] {
  const proxies = Object.entries(record(network.proxy)).flatMap(([key, url]) =>
    typeof url === "string" && URL.canParse(url)
      ? // An IPv6 address stands in brackets there.
        [{ path: `network.proxy.${key}`, value: new URL(url).hostname.replace(/^\[|\]$/g, "") }]
      : [],
  );
  return [
    { path: "network.endpoint", value: network.endpoint },
    ...list(network.ntp).map((value, index) => ({ path: `network.ntp[${index}]`, value })),
    ...proxies,
  ].flatMap(({ path, value }) => (typeof value === "string" ? [{ path, value }] : []));
}

/** The VIP stands for the Kubernetes API, and for nothing before there is a cluster. */
export function checkNameservers({ nameservers, vip, gateway }: Draft): Problem[] {
  if (vip === undefined) return [];
  const text = formatAddress(vip.value);
  // That the two are one is a problem of its own: either may be the slip.
  if (gateway !== undefined && formatAddress(gateway.value) === text) return [];
  return nameservers
    .filter(({ value }) => formatAddress(value) === text)
    .map(({ path }) => ({
      path,
      reason: `${text} is ${vip.path}, which no machine holds before the cluster runs`,
      fix: "name a DNS server outside of the cluster",
    }));
}
