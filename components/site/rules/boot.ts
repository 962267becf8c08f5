import { checkBootNetwork } from "../../boot/network";
import type { Problem } from "../../problem";
import { type Draft, type DraftMachine, record } from "./draft";

/** One machine a UUID, and images that firmware can load. */
export function checkBoot({ machines, talos, cidr }: Draft): Problem[] {
  const booting = machines.filter(({ raw }) => raw.boot !== undefined);
  const holders = new Map<unknown, string>();
  const problems = booting.flatMap(({ key, raw }): Problem[] => {
    const { uuid } = record(raw.boot);
    const holder = holders.get(uuid);
    holders.set(uuid, holder ?? key);
    if (holder === undefined || typeof uuid !== "string") return [];
    return [
      {
        path: `machines.${key}.boot.uuid`,
        reason: `${uuid} is already the UUID of ${holder}`,
        fix: "each machine has its own; boards that share one cannot be told apart and are not installed over the network",
      },
    ];
  });
  problems.push(...booting.flatMap((machine) => [...networkProblems(machine, cidr), ...enrolmentProblems(machine)]));
  for (const { key, raw } of machines) {
    const part = ["boot", "hardware"].find((each) => raw[each] !== undefined);
    if (part === undefined || raw.mac !== undefined) continue;
    const fix = `write the machine's mac, or leave ${part} out: a rented machine is what its provider says`;
    problems.push({ path: `machines.${key}.${part}`, reason: "is for a machine whose MAC address is known", fix });
  }
  if (booting.length === 0 || talos.secureBoot !== true) return problems;
  return [
    ...problems,
    {
      path: "talos.secureBoot",
      reason: `${booting.map(({ key }) => key).join(", ")} boot over the network, which hands the kernel its arguments; a signed image takes none`,
      fix: "install these machines from Secure Boot media (`plinth media plan`) and leave their boot out",
    },
  ];
}

/** What the kernel cannot be told; what is no VLAN or no text is the schema's to report. */
function networkProblems({ key, mac, raw }: DraftMachine, cidr: Draft["cidr"]): Problem[] {
  const { network } = record(raw.boot);
  const path = `machines.${key}.boot.network`;
  const { link = mac, vlan, dhcp } = record(network);
  const problems =
    typeof link === "string" && link !== ""
      ? checkBootNetwork({ link, ...(Number.isInteger(vlan) && { vlan: 1 }) }, path)
      : [];
  if (network === undefined || dhcp === true || cidr?.value.family !== 6) return problems;
  const fix = "write dhcp: true, or leave it out: with IPv6 a machine finds its network by itself";
  return [...problems, { path, reason: "the kernel can be told IPv4 addresses alone, and network.cidr is IPv6", fix }];
}

function enrolmentProblems({ key, raw }: DraftMachine): Problem[] {
  const { enrol, action = "install" } = record(raw.boot);
  if (enrol !== true || action === "install") return [];
  const fix = "leave enrol out, or write action: install";
  return [{ path: `machines.${key}.boot.enrol`, reason: `hands out what an install needs, not ${action}`, fix }];
}
