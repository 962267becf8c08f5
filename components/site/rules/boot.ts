import type { Problem } from "../../problem";
import { type Draft, record } from "./draft";

/** One machine a UUID, and images that firmware can load. */
export function checkBoot({ machines, talos }: Draft): Problem[] {
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
