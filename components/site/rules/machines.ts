import type { Problem } from "../../problem";
import { controlPlaneProblems } from "../../talos/quorum";
import { name } from "../fields";
import { type Draft, type DraftMachine, list, record } from "./draft";

/** What identifies a machine is sound, and no other machine has it. */
export function checkIdentities({ machines }: Draft): Problem[] {
  return [
    ...machines.flatMap(({ key }) => checkKey(key)),
    ...duplicates(machines, "mac", "MAC address", (machine) => machine.mac),
    ...duplicates(machines, "hostname", "hostname", (machine) => machine.hostname),
    ...duplicates(machines, "disk", "disk", (machine) => machine.disk),
  ];
}

function checkKey(key: string): Problem[] {
  if (name.safeParse(key).success) return [];
  return [
    {
      path: `machines.${key}`,
      reason: `the key "${key}" is not an RFC 1123 label`,
      fix: "use 1 to 63 lower-case letters, digits and hyphens",
    },
  ];
}

function duplicates(
  machines: readonly DraftMachine[],
  field: string,
  what: string,
  identity: (machine: DraftMachine) => string | undefined,
): Problem[] {
  const holders = new Map<string, string>();
  return machines.flatMap((machine) => {
    const value = identity(machine);
    if (value === undefined) return [];
    const path = `machines.${machine.key}.${field}`;
    const holder = holders.get(value);
    if (holder === undefined) {
      holders.set(value, path);
      return [];
    }
    return [{ path, reason: `${what} ${value} is already used by ${holder}`, fix: "every machine needs its own" }];
  });
}

/** A node has one taint of a key: Talos keeps them by key, and of two the last would win without a word. */
export function checkTaints({ machines }: Draft): Problem[] {
  return machines.flatMap(({ key: machine, raw }) => {
    const holders = new Map<string, string>();
    return list(raw.taints).flatMap((taint, index): Problem[] => {
      const { key } = record(taint);
      if (typeof key !== "string") return [];
      const path = `machines.${machine}.taints[${index}]`;
      const holder = holders.get(key);
      if (holder === undefined) {
        holders.set(key, path);
        return [];
      }
      const fix = "keep one of the two, or give one another key: Talos holds one taint of a key, whatever its effect";
      return [{ path, reason: `${key} is already the key of ${holder}`, fix }];
    });
  });
}

/** As many control planes as etcd needs to survive a loss, and one address in front of them. */
export function checkControlPlanes({ machines, hasVip, hasEndpoint }: Draft): Problem[] {
  // Without every role there is nothing to count yet.
  if (!machines.every((machine) => machine.role === "controlplane" || machine.role === "worker")) return [];
  const count = machines.filter((machine) => machine.role === "controlplane").length;
  const problems = [...controlPlaneProblems("machines", count)];
  if (count > 1 && !hasVip && !hasEndpoint) {
    problems.push({
      path: "network.vip",
      reason: `is missing with ${count} control planes`,
      fix: "name a free address of network.cidr that the control planes share",
    });
  }
  return problems;
}
