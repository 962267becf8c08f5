import { type Cidr, formatCidr } from "../../address/cidr";
import type { Problem } from "../../problem";
import { parseVersion } from "../../talos/version";
import type { Draft, Located } from "./draft";

/** Prefix lengths of Kubernetes: what each node takes of the pods' network, and the largest network it takes them from. */
const POD_PREFIX = { 4: { node: 24, widest: 0 }, 6: { node: 64, widest: 48 } } as const;

/** Every node has a network of its own for its pods. */
export function podProblems({ path, value }: Located<Cidr>, { machines, kubernetes, platform }: Draft): Problem[] {
  // Somebody else's CNI may hand out addresses in its own way; plinth's platform brings Cilium, which takes Kubernetes'.
  if (kubernetes.cni === "none" && platform === undefined) return [];
  const { family, prefixLength } = value;
  const { node, widest } = POD_PREFIX[family];
  const needed = Math.ceil(Math.log2(Math.max(machines.length, 1)));
  if (prefixLength < widest) {
    const fix = `take a /${widest} or smaller`;
    return [{ path, reason: `Kubernetes takes nodes' networks from no more than a /${widest}`, fix }];
  }
  if (prefixLength <= node - needed) return [];
  const room = prefixLength > node ? "none" : 2 ** (node - prefixLength);
  return [
    {
      path,
      reason: `${formatCidr(value)} has room for ${room} of ${machines.length} machines: the pods of each take a /${node}`,
      fix: `take a /${node - needed} or larger${family === 4 ? "; the default is 10.244.0.0/16" : ""}`,
    },
  ];
}

/** First minor of Kubernetes whose API server keeps no bitmap of all Service addresses, and so takes any number. */
const ANY_SERVICES = 34;
/** Most bits of Service addresses before. */
const SERVICE_BITS = 20;

/** As many Services as the API server can count. */
export function serviceProblems({ path, value }: Located<Cidr>, { kubernetes }: Draft): Problem[] {
  const { family, prefixLength } = value;
  if (family === 4 && prefixLength > 24) {
    const reason = `${formatCidr(value)} is too small for a cluster's services`;
    return [{ path, reason, fix: "take a /24 or larger; the default is 10.96.0.0/12" }];
  }
  const version = typeof kubernetes.version === "string" ? parseVersion(kubernetes.version) : undefined;
  const narrowest = (family === 4 ? 32 : 128) - SERVICE_BITS;
  if (version === undefined || version.minor >= ANY_SERVICES || prefixLength >= narrowest) return [];
  const reason = `${formatCidr(value)} is too large for the API server of Kubernetes 1.${version.minor}, which would not start`;
  return [{ path, reason, fix: `take a /${narrowest} or smaller` }];
}
