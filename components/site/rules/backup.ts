import { formatAddress, formatCidr } from "../../address/cidr";
import { type Surroundings, whyInside } from "../../backup/inside";
import type { Problem } from "../../problem";
import { type Draft, list, record } from "./draft";

/** Snapshots that somebody can open, somebody alone, and that outlive the cluster. */
export function checkBackup(draft: Draft): Problem[] {
  const { backup } = draft;
  if (backup === undefined) return [];
  return [...checkKeys(backup, draft.provider), ...checkPlace(backup, draft)];
}

function checkKeys(backup: Record<string, unknown>, provider: unknown): Problem[] {
  const recipients = list(backup.recipients);
  if (backup.passphrase === undefined) {
    if (recipients.length > 0 || (backup.recipients !== undefined && !Array.isArray(backup.recipients))) return [];
    return [
      {
        path: "backup.recipients",
        reason: "nobody could open a snapshot",
        fix: "make a key pair with age-keygen, keep its private key away from the cluster, and write the public one, age1…",
      },
    ];
  }
  const problems: Problem[] = [];
  if (provider !== "lab") {
    problems.push({
      path: "backup.passphrase",
      reason: "a passphrase is for provider: lab alone: whoever takes a snapshot could also open every other",
      fix: "remove it and name recipients, age1…",
    });
  }
  if (recipients.length > 0) {
    problems.push({
      path: "backup.recipients",
      reason: "stand beside passphrase",
      fix: "use one of the two: age encrypts either to keys or with a passphrase",
    });
  }
  return problems;
}

function checkPlace(backup: Record<string, unknown>, draft: Draft): Problem[] {
  const { endpoint } = record(record(backup.store).s3);
  if (typeof endpoint !== "string" || !URL.canParse(endpoint)) return [];
  const inside = whyInside(new URL(endpoint).hostname, surroundings(draft));
  if (inside === undefined) return [];
  return [
    {
      path: "backup.store.s3.endpoint",
      reason: `${inside}: the snapshots would be lost together with the cluster`,
      fix: "name a server that does not run in this cluster",
    },
  ];
}

function surroundings({ machines, vip, networks }: Draft): Surroundings {
  const addresses = [vip, ...machines.map(({ address }) => address)].flatMap((address) =>
    address === undefined ? [] : [formatAddress(address.value)],
  );
  return {
    hosts: [...addresses, ...machines.map(({ hostname }) => hostname)],
    networks: networks.filter(({ path }) => path !== "network.cidr").map(({ value }) => formatCidr(value)),
  };
}
