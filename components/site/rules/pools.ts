import { contains, formatCidr, overlaps } from "../../address/cidr";
import type { Problem } from "../../problem";
import type { Draft } from "./draft";

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
