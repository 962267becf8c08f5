/** Compares a machine with its profile and with what the site file says of it. Pure. */
import type { Problem } from "../problem";
import type { MachineSpec } from "../site/spec";
import { parseSize } from "../talos/config/disk";
import type { DiskFacts, HardwareFacts } from "./facts";
import type { Profile } from "./profile";

/** What is declared of the machine. */
export interface Declared {
  readonly mac: string;
  readonly disk: MachineSpec["disk"];
  /** SMBIOS UUID, where the machine boots over the network. */
  readonly uuid?: string;
  /** Extensions and kernel arguments of its image; absent where only its id is known. */
  readonly image?: { readonly extensions: readonly string[]; readonly kernelArgs: readonly string[] };
}

/** Names of what can differ; a site file accepts a difference by its name. */
export const DIFFERENCES = ["disk", "image", "mac", "memory", "product", "uuid"] as const;
export type Difference = (typeof DIFFERENCES)[number];

/** The name of a difference that {@link checkHardware} found, by its path. */
export function differenceOf(path: string): Difference {
  return DIFFERENCES.find((name) => name === path) ?? "image";
}

/** Everything that differs, with what to change. Each path begins with what the fault is known by. */
export function checkHardware(profile: Profile, facts: HardwareFacts, declared: Declared): Problem[] {
  return [
    ...checkProduct(profile, facts, declared),
    ...checkDisk(profile, facts, declared),
    ...checkLinks(profile, facts, declared),
    ...checkImage(profile, facts, declared),
  ];
}

const matches = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.split("*").map(literal).join(".*")}$`, "i").test(text);
const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function checkProduct({ product, name, minimum }: Profile, facts: HardwareFacts, { uuid }: Declared): Problem[] {
  const problems: Problem[] = [];
  if (!matches(product.manufacturer, facts.manufacturer) || !matches(product.name, facts.product)) {
    problems.push({
      path: "product",
      reason: `it is a ${facts.manufacturer} ${facts.product}, not a ${name}`,
      fix: "correct hardware in the site file, or the address of the machine",
    });
  }
  if (uuid !== undefined && uuid !== facts.uuid) {
    problems.push({
      path: "uuid",
      reason: `its SMBIOS UUID is ${facts.uuid}, the site file says ${uuid}`,
      fix: "this is another machine, or the file is wrong: correct boot.uuid",
    });
  }
  if (facts.memoryGiB !== undefined && facts.memoryGiB < minimum.memoryGiB) {
    problems.push({
      path: "memory",
      reason: `it has ${facts.memoryGiB} GiB of memory, a ${name} needs ${minimum.memoryGiB}`,
      fix: "look for modules that are not seated, or add some",
    });
  }
  return problems;
}

function checkDisk({ storage, minimum }: Profile, { disks }: HardwareFacts, declared: Declared): Problem[] {
  const chosen = disks.filter((disk) => isChosen(declared.disk, disk));
  const [only] = chosen;
  if (only === undefined) {
    return [
      {
        path: "disk",
        reason: `no disk is the declared one; there ${disks.length === 1 ? "is" : "are"} ${listing(disks)}`,
        fix: "correct disk in the site file; a disk that is missing may stand behind a RAID controller",
      },
    ];
  }
  if (chosen.length > 1) {
    return [
      {
        path: "disk",
        reason: `${chosen.length} disks match: ${listing(chosen)}`,
        fix: "single one out by its wwid or serial",
      },
    ];
  }
  const problems: Problem[] = [];
  const behind = storage.find(
    ({ problem, model, transport }) =>
      problem &&
      (model === undefined || matches(model, only.model)) &&
      (transport === undefined || transport === only.transport),
  );
  if (behind !== undefined) {
    const fix = behind.note ?? "switch the controller to pass disks through";
    problems.push({ path: "disk", reason: `${only.path} (${only.model}) is behind a ${behind.name}`, fix });
  }
  if (only.bytes < minimum.diskGiB * 2 ** 30) {
    const size = `${Math.floor(only.bytes / 2 ** 30)} GiB`;
    problems.push({
      path: "disk",
      reason: `${only.path} has ${size}, less than ${minimum.diskGiB}`,
      fix: "choose a larger one",
    });
  }
  return problems;
}

const listing = (disks: readonly DiskFacts[]): string =>
  disks.length === 0
    ? "none"
    : disks
        .map(
          ({ path, model, serial, wwid }) =>
            `${path} (${[model, serial && `serial ${serial}`, wwid].filter(Boolean).join(", ")})`,
        )
        .join(", ");

/** As Talos' own selector chooses. */
function isChosen(selector: MachineSpec["disk"], disk: DiskFacts): boolean {
  if ("wwid" in selector) return disk.wwid === selector.wwid;
  if ("serial" in selector) return disk.serial === selector.serial;
  const { type, model, size, busPath } = selector.selector;
  return (
    (type === undefined || kindOf(disk) === type || (type === "ssd" && !disk.rotational)) &&
    (model === undefined || matches(model, disk.model)) &&
    (busPath === undefined || matches(busPath, disk.busPath)) &&
    (size === undefined || isSize(size, disk.bytes))
  );
}

function kindOf({ transport, rotational }: DiskFacts): "hdd" | "nvme" | "sd" | "ssd" {
  if (transport === "nvme") return "nvme";
  if (transport === "mmc") return "sd";
  return rotational ? "hdd" : "ssd";
}

function isSize(size: string, bytes: number): boolean {
  const parsed = parseSize(size);
  if (parsed === undefined) return false;
  const [, letter = "", binary] = /([kKMGT])(i?)B/.exec(parsed.unit) ?? [];
  const limit =
    Number(parsed.amount) * (binary === "i" ? 1024 : 1000) ** ["", "K", "M", "G", "T"].indexOf(letter.toUpperCase());
  const compare: Record<string, boolean> = {
    "<": bytes < limit,
    "<=": bytes <= limit,
    ">": bytes > limit,
    ">=": bytes >= limit,
    "==": bytes === limit,
  };
  return compare[parsed.comparison] ?? false;
}

function checkLinks({ nics, name }: Profile, { links }: HardwareFacts, { mac }: Declared): Problem[] {
  const link = links.find((each) => each.mac === mac);
  if (link === undefined) {
    const found = links.map((each) => `${each.name} ${each.mac}`).join(", ") || "none";
    return [{ path: "mac", reason: `no link has ${mac}; there are ${found}`, fix: "correct mac in the site file" }];
  }
  if (!link.up) {
    return [{ path: "mac", reason: `${link.name} has no carrier`, fix: "look at cable, transceiver and switch port" }];
  }
  const nic = nics.find(({ driver }) => driver === link.driver);
  if (nic?.speedMbit === undefined || link.speedMbit === undefined || link.speedMbit >= nic.speedMbit) return [];
  return [
    {
      path: "mac",
      reason: `${link.name} runs at ${link.speedMbit} Mbit/s; ${nic.name} in a ${name} reaches ${nic.speedMbit}`,
      fix: nic.note ?? "look at cable, transceiver and switch port",
    },
  ];
}

function checkImage(profile: Profile, { links }: HardwareFacts, { image }: Declared): Problem[] {
  if (image === undefined) return [];
  const nics = profile.nics.filter(({ driver }) => links.some((link) => link.driver === driver));
  const missing = (what: "extensions" | "kernelArgs") =>
    [...new Set([profile, ...nics].flatMap((each) => each[what]))].filter((each) => !image[what].includes(each));
  return (["extensions", "kernelArgs"] as const).flatMap((what) =>
    missing(what).map((each) => ({
      path: `talos.${what}`,
      reason: `${each} is not part of the image`,
      fix: `add it: a ${profile.name} with this hardware needs it`,
    })),
  );
}
