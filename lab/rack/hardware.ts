import { createHash } from "node:crypto";
import type { NodePlan, SitePlan } from "../../components/site/plan";

/** One simulated machine as the rig's configuration file describes it: hardware and the medium it first boots from. */
export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  readonly uuid: string;
  readonly arch: string;
  readonly memoryMiB: number;
  readonly disks: readonly Disk[];
  /** Talos version of the boot medium; an installed machine boots from its own disk. */
  readonly talos: string;
  readonly powered: boolean;
  /** Script that its firmware loads before it looks at the disk. @default - it does not boot over the network */
  readonly netboot?: string;
}

interface Disk {
  readonly name: string;
  readonly sizeGiB: number;
  readonly wwid: string;
  readonly serial: string;
  readonly model: string;
  readonly transport: string;
}

/**
 * The rack that a site's machines need. A machine that is already in the rack keeps its boot medium: a new Talos
 * version in the site file is an upgrade for plinth to do, not a change of the hardware.
 */
export function rackFor(plan: SitePlan, present: readonly Machine[], netboot?: string): Machine[] {
  return plan.nodes.map((node) =>
    machineFor(
      node,
      plan,
      present.find((machine) => machine.name === node.key),
      netboot,
    ),
  );
}

/**
 * Machines of the rack that the site no longer has. They stay until the engine has taken them out of the cluster: who
 * pulls the plug first loses an etcd member, and the data of a machine that was to be kept.
 */
export function leaving(plan: SitePlan, present: readonly Machine[]): Machine[] {
  const taken = plan.nodes.map(literal);
  const wanted = plan.nodes.map((node) => node.key);
  return present.filter((machine) => !wanted.includes(machine.name) && !taken.includes(machine.address));
}

function machineFor(
  node: NodePlan,
  plan: SitePlan,
  present: Machine | undefined,
  netboot: string | undefined,
): Machine {
  return {
    name: node.key,
    address: literal(node),
    mac: node.mac,
    uuid: node.boot?.uuid ?? uuidOf(`${plan.name}/${node.key}/${node.mac}`),
    arch: node.arch,
    memoryMiB: 8192,
    disks: [installDisk(node), { ...disk(node, "data"), name: "/dev/sdz", sizeGiB: 128 }],
    talos: present?.talos ?? plan.talos.version,
    powered: true,
    ...(node.boot !== undefined && netboot !== undefined && { netboot }),
  };
}

/** Address of a lab machine. Claims become literals before the rack is built; see the site's rules for the lab. */
function literal(node: NodePlan): string {
  if ("literal" in node.address) return node.address.literal;
  throw new Error(`machine ${node.key}: its address is a claim that was not resolved`);
}

/** The disk that the site file's choice finds: by its id, or by the properties a selector asks for. */
function installDisk(node: NodePlan): Disk {
  const plain = disk(node, "system");
  if ("wwid" in node.disk) return { ...plain, wwid: node.disk.wwid };
  if ("serial" in node.disk) return { ...plain, serial: node.disk.serial };
  const { type, model, size } = node.disk.selector;
  return {
    ...plain,
    ...(type === "nvme" ? { name: "/dev/nvme0n1", transport: "nvme" } : {}),
    ...(model === undefined ? {} : { model: model.replaceAll("*", "X") }),
    ...(size === undefined ? {} : { sizeGiB: sizeThatFits(size) }),
  };
}

function disk(node: NodePlan, purpose: string): Disk {
  const id = createHash("sha256").update(`${node.key}/${node.mac}/${purpose}`).digest("hex");
  return {
    name: "/dev/sda",
    sizeGiB: 64,
    wwid: `naa.5000c5${id.slice(0, 10)}`,
    serial: id.slice(10, 20).toUpperCase(),
    model: "SIMULATED",
    transport: "sata",
  };
}

/** A size in GiB that satisfies a selector such as `>= 100GB`. */
function sizeThatFits(size: string): number {
  const match = /^(<=|>=|<|>|==)?\s*(\d+)\s*([KMGT])?(i)?B?$/i.exec(size.trim());
  if (match === null) return 64;
  const [, operator = "==", amount = "0", unit = "", binary] = match;
  const power = ["", "K", "M", "G", "T"].indexOf(unit.toUpperCase());
  const bytes = Number(amount) * (binary === undefined ? 1000 : 1024) ** power;
  const gib = bytes / 2 ** 30;
  if (operator === ">" || operator === ">=") return Math.max(64, Math.ceil(gib) + 1);
  if (operator === "<" || operator === "<=") return Math.max(1, Math.min(64, Math.ceil(gib) - 1));
  return gib;
}

/** A UUID that stays the same for the same machine. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
