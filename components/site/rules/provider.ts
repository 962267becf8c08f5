import { PROVIDERS, type ProviderName, type Traits } from "../../machine/contract";
import { ofGeneration } from "../../machine/generation";
import { TRAITS } from "../../machine/providers";
import type { Problem } from "../../problem";
import type { Draft, DraftMachine } from "./draft";

/** Providers whose machines need more than the machines' own lines: each has a part of its name in the site file. */
const WITH_PART = ["latitude", "proxmox", "hetzner", "vultr"] as const satisfies readonly ProviderName[];

/** Host names at a vendor are one label. */
const LONGEST_LABEL = 63;

/** What the provider needs is said, and nothing that belongs to another one, or that it says itself. */
export function checkProvider(draft: Draft): Problem[] {
  const provider = PROVIDERS.find((name) => name === draft.provider);
  if (provider === undefined) return [];
  const traits = TRAITS[provider];
  return [
    ...WITH_PART.flatMap((part) => partProblem(part, provider, draft.site)),
    ...(traits.reach === "internet" ? networkProblems(draft, traits) : []),
    ...gpuProblems(draft),
    ...draft.machines.flatMap((machine) => gpuProblem(machine, provider, draft.site)),
    ...secureBootProblems(draft, traits),
    ...(traits.ordered ? nameProblems(draft, traits) : []),
    ...draft.machines.flatMap((machine) => machineProblems(machine, provider, traits, draft.site)),
  ];
}

/** A schematic that is named by its id cannot have a driver added. */
function gpuProblems({ machines, talos }: Draft): Problem[] {
  const keys = machines.filter(({ raw }) => typeof raw.gpus === "number" && raw.gpus > 0).map(({ key }) => key);
  if (keys.length === 0 || talos.schematic === undefined) return [];
  const reason = `it is the image of every machine, and ${keys.join(", ")} needs NVIDIA's driver in its own`;
  return [{ path: "talos.schematic", reason, fix: "write what the image is made of in talos.extensions instead" }];
}

/** Hetzner Cloud's server types with Arm processors. */
const HETZNER_ARM = /^cax/;

/** Vultr's plans with a GPU. */
const VULTR_GPU = /^vcg-/;

/** A machine that can have no GPU, as far as that is known without asking anybody. */
function gpuProblem({ key, raw }: DraftMachine, provider: ProviderName, site: Draft["site"]): Problem[] {
  if (typeof raw.gpus !== "number" || raw.gpus === 0) return [];
  const problem = (reason: string, fix: string) => [{ path: `machines.${key}.gpus`, reason, fix }];
  if (provider === "hetzner") return problem("no server type of Hetzner Cloud has a GPU", "remove it");
  if (provider === "vultr") {
    const size = raw.size ?? field(site.vultr, "size");
    if (typeof size !== "string" || VULTR_GPU.test(size)) return [];
    const fix = `give it a size that begins with vcg-, or remove it`;
    return problem(`${size} has no GPU: Vultr's plans with one begin with vcg-`, fix);
  }
  if (provider === "proxmox") {
    const pci = field(raw.vm, "pci");
    if (Array.isArray(pci) && pci.length > 0) return [];
    return problem(
      "no PCI device is handed to its virtual machine",
      "add vm.pci with the mapping of the GPU, or remove it",
    );
  }
  return [];
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/** An unsigned Talos cannot be followed by a signed one: the firmware was never told of the keys. */
function secureBootProblems({ talos }: Draft, { title, secureBoot }: Traits): Problem[] {
  if (talos.secureBoot !== true || secureBoot) return [];
  const reason = `the first Talos of a machine at ${title} is the plain one`;
  return [{ path: "talos.secureBoot", reason, fix: "remove it; disk keys of kind tpm need it, use others" }];
}

function partProblem(part: ProviderName, provider: ProviderName, site: Draft["site"]): Problem[] {
  if (part === provider && site[part] === undefined) {
    const reason = `is missing with provider: ${provider}`;
    return [{ path: part, reason, fix: `add it; docs/providers.md shows a site at ${TRAITS[part].title}` }];
  }
  if (part !== provider && site[part] !== undefined) {
    const reason = `stands beside provider: ${provider}`;
    return [{ path: part, reason, fix: `remove it, or write provider: ${part}` }];
  }
  return [];
}

/** Rented machines have a way to the Internet of their own, and are called there. */
function networkProblems({ gateway, vip, hasVip, hasEndpoint }: Draft, { title, sharedAddress }: Traits): Problem[] {
  const problems: Problem[] = [];
  if (gateway !== undefined) {
    const reason = `machines at ${title} have a default route of their own`;
    problems.push({ path: gateway.path, reason, fix: "remove it" });
  }
  if (!hasEndpoint) {
    problems.push({
      path: "network.endpoint",
      reason: `is missing: machines at ${title} are called over the Internet`,
      fix: "write a DNS name that will point at the control planes; the output reach tells their addresses before it is needed",
    });
  }
  if (hasVip && !sharedAddress) {
    const reason = `control planes at ${title} cannot share an address`;
    problems.push({
      path: vip?.path ?? "network.vip",
      reason,
      fix: "remove it; network.endpoint or a loadBalancer takes its place",
    });
  }
  return problems;
}

/** The name of a later generation may be another machine's first one. */
function nameProblems({ machines }: Draft, { title }: Traits): Problem[] {
  const keys = new Set(machines.map(({ key }) => key));
  return machines.flatMap(({ key, raw }) => {
    const own = ofGeneration(key, generationOf(raw));
    if (own === key || !keys.has(own)) return [];
    const reason = `${key} is called so at ${title} since its generation ${generationOf(raw)}`;
    return [{ path: `machines.${own}`, reason, fix: "give this machine another key" }];
  });
}

function generationOf({ generation }: DraftMachine["raw"]): number {
  return typeof generation === "number" ? generation : 1;
}

function machineProblems(
  { key, mac, raw }: DraftMachine,
  provider: ProviderName,
  { title, mac: teller, architectures, billed }: Traits,
  site: Draft["site"],
): Problem[] {
  const problems: Problem[] = [];
  const add = (field: string, reason: string, fix: string) =>
    problems.push({ path: `machines.${key}.${field}`, reason, fix });
  if (teller === "site" && raw.mac === undefined) {
    add("mac", "is missing", "add it: six hex pairs, as in 52:54:00:12:34:56");
  }
  if (teller === "provider" && mac !== undefined) {
    add("mac", `${title} tells it once the machine is there`, "remove it");
  }
  const arch = raw.arch ?? "amd64";
  if (typeof arch === "string" && ["amd64", "arm64"].includes(arch) && !architectures.some((each) => each === arch)) {
    add("arch", `${arch} cannot be had at ${title}`, `write ${architectures.join(" or ")}`);
  }
  const type = provider === "hetzner" ? (raw.size ?? field(site.hetzner, "size")) : undefined;
  if (typeof type === "string" && HETZNER_ARM.test(type) !== (arch === "arm64")) {
    const own = HETZNER_ARM.test(type) ? "arm64" : "amd64";
    add(
      "arch",
      `${type} is ${own}, and an image for ${arch} does not start there`,
      `write arch: ${own}, or another size`,
    );
  }
  if (raw.size !== undefined && !billed) add("size", `nothing is rented with provider: ${provider}`, "remove it");
  if (raw.vm !== undefined && provider !== "proxmox") {
    add(
      "vm",
      `there are no virtual machines to make with provider: ${provider}`,
      "remove it, or write provider: proxmox",
    );
  }
  if (raw.rescue !== undefined) {
    if (provider !== "metal")
      add("rescue", `${title} brings Talos some other way`, "remove it, or write provider: metal");
    if (raw.boot !== undefined) add("rescue", "the boot server brings Talos as well", "keep one of rescue and boot");
    if (raw.adopted === true) add("rescue", "the machine runs already: nothing is written to its disk", "remove it");
  }
  const label = ofGeneration(`${String(site.name)}-${key}`, generationOf(raw));
  if (billed && label.length > LONGEST_LABEL) {
    const fix = `shorten the site's name or the key by ${label.length - LONGEST_LABEL}`;
    problems.push({
      path: `machines.${key}`,
      reason: `its name at ${title} would be longer than ${LONGEST_LABEL} letters`,
      fix,
    });
  }
  return problems;
}
