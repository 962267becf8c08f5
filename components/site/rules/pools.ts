import { type AddressRange, contains, formatCidr, overlaps } from "../../address/cidr";
import type { Problem } from "../../problem";
import type { Draft, Located } from "./draft";

/** Every claim names a pool, and pools lie in the network and apart. */
export function checkPools({ pools, claims, cidr }: Draft): Problem[] {
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
  return [
    ...problems,
    ...pools.flatMap(({ key, raw }) => checkSource(key, raw)),
    ...pools.flatMap(({ extent }, index) => (extent ? checkExtent(extent, cidr, pools.slice(0, index)) : [])),
  ];
}

/** A static pool has a range; a NetBox pool has a prefix or a range that exists there. */
function checkSource(key: string, raw: Record<string, unknown>): Problem[] {
  const has = (field: string) => raw[field] !== undefined;
  if (raw.backend === "netbox") {
    if (has("prefix") !== has("range")) return [];
    const reason = has("prefix") ? "stands beside range" : "is missing";
    return [
      { path: `pools.${key}.prefix`, reason, fix: "name one NetBox prefix, as in 10.0.3.0/24, or one NetBox IP range" },
    ];
  }
  const problems: Problem[] = [];
  if (!has("range")) {
    const fix = "write first and last address, as in 10.0.3.4-10.0.3.20";
    problems.push({ path: `pools.${key}.range`, reason: "is missing", fix });
  }
  for (const field of ["prefix", "vrf", "register"].filter(has)) {
    const fix = `remove it, or write backend: netbox`;
    problems.push({ path: `pools.${key}.${field}`, reason: "has no meaning with backend static", fix });
  }
  return problems;
}

/** Machines and the VIP live in the site's network, and two authorities over one address are none. */
function checkExtent(extent: Located<AddressRange>, cidr: Draft["cidr"], others: Draft["pools"]): Problem[] {
  const problems: Problem[] = [];
  if (cidr && !contains(cidr.value, extent.value)) {
    problems.push({
      path: extent.path,
      reason: `lies outside network.cidr ${formatCidr(cidr.value)}`,
      fix: "choose addresses of that network",
    });
  }
  for (const { extent: other } of others) {
    if (!other || !overlaps(other.value, extent.value)) continue;
    problems.push({ path: extent.path, reason: `overlaps ${other.path}`, fix: "give each pool addresses of its own" });
  }
  return problems;
}
