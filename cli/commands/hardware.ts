import type { Command } from "commander";
import { checkHardware, differenceOf } from "../../components/hardware/check";
import type { HardwareFacts } from "../../components/hardware/facts";
import { loadExtensions, loadProfile, type Profile, profileNames } from "../../components/hardware/profile";
import { formatProblem, type Problem, ProblemError } from "../../components/problem";
import { readSiteFile } from "../../components/site/file";
import { declaredOf } from "../../components/site/hardware";
import { parseSite } from "../../components/site/parse";
import type { MachineSpec, SiteSpec } from "../../components/site/spec";
import { readHardware } from "../../provider/talosctl/hardware";

/** `plinth hardware …`: what machines are, and what they should be. */
export function registerHardware(program: Command): void {
  const hardware = program.command("hardware").description("hardware profiles, and machines against them");

  hardware
    .command("list")
    .description("the profiles and the catalogue of system extensions")
    .action(() => {
      const profiles = profileNames().map((name) => profileLine(name, loadProfile(name)));
      const extensions = Object.entries(loadExtensions()).map(([name, { for: purpose }]) => `  ${name}: ${purpose}`);
      console.log(["profiles:", ...profiles, "extensions:", ...extensions].join("\n"));
    });

  hardware
    .command("show")
    .description("what a machine in maintenance mode is made of")
    .argument("<address>", "address of the machine")
    .action(async (address: string) =>
      console.log(factsText(await readHardware(address, AbortSignal.timeout(60_000)))),
    );

  hardware
    .command("check")
    .description("compare machines in maintenance mode with their profiles and with the site file; changes nothing")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .argument("[machines...]", "keys of machines (default: all)")
    .option("--at <address>", "where the one machine answers, if not at its address in the file")
    .action(async (file: string, keys: readonly string[], { at }: { at?: string }) => {
      const site = parseSite(readSiteFile(file), file);
      const problems: Problem[] = [];
      for (const [key, machine] of chosen(site, keys, at)) {
        const found = await checkMachine(site, machine, addressOf(key, machine, at));
        console.log(found.length === 0 ? `${key}: as declared` : `${key}: ${found.length} differ`);
        problems.push(...found.map((problem) => ({ ...problem, path: `machines.${key}.${problem.path}` })));
      }
      for (const problem of problems) console.log(`  - ${formatProblem(problem)}`);
      if (problems.length > 0) process.exitCode = 1;
    });
}

function chosen(site: SiteSpec, keys: readonly string[], at: string | undefined): [string, MachineSpec][] {
  const problems: Problem[] = keys
    .filter((key) => site.machines[key] === undefined)
    .map((key) => ({
      path: key,
      reason: "is no machine of the site",
      fix: `name one of ${Object.keys(site.machines).join(", ")}`,
    }));
  const found = Object.entries(site.machines).filter(([key]) => keys.length === 0 || keys.includes(key));
  if (at !== undefined && found.length !== 1) {
    problems.push({ path: "--at", reason: "is the address of one machine", fix: "name that machine" });
  }
  if (problems.length > 0) throw new ProblemError("Nothing was checked:", problems);
  return found;
}

function addressOf(key: string, { address }: MachineSpec, at: string | undefined): string {
  if (at !== undefined) return at;
  if (typeof address === "string") return address;
  const fix = `say where it answers: plinth hardware check <file> ${key} --at <address>`;
  throw new ProblemError("Nothing was checked:", [
    { path: `machines.${key}.address`, reason: "comes from a pool", fix },
  ]);
}

async function checkMachine(site: SiteSpec, machine: MachineSpec, address: string): Promise<Problem[]> {
  const facts = await readHardware(address, AbortSignal.timeout(60_000));
  const profile = loadProfile(machine.hardware ?? `generic-${machine.arch}`);
  const accepted = machine.allowHardware ?? [];
  return checkHardware(profile, facts, declaredOf(machine, site)).filter(
    ({ path }) => !accepted.includes(differenceOf(path)),
  );
}

function profileLine(name: string, { name: full, arch, certified }: Profile): string {
  return `  ${name}: ${full}, ${arch}${certified ? ", certified" : ""}`;
}

function factsText({ manufacturer, product, uuid, memoryGiB, secureBoot, disks, links }: HardwareFacts): string {
  return [
    `${manufacturer} ${product}`,
    `uuid   ${uuid}`,
    `memory ${memoryGiB === undefined ? "not told" : `${memoryGiB} GiB`}`,
    `secure boot ${secureBoot === undefined ? "not told" : secureBoot ? "on" : "off"}`,
    ...disks.map(
      ({ path, bytes, model, serial, wwid }) =>
        `disk   ${path}  ${Math.floor(bytes / 2 ** 30)} GiB  ${model}  serial ${serial || "-"}  wwid ${wwid || "-"}`,
    ),
    ...links.map(
      ({ name, mac, driver, up, speedMbit }) =>
        `link   ${name}  ${mac}  ${driver || "-"}  ${up ? `${speedMbit ?? "?"} Mbit/s` : "no carrier"}`,
    ),
  ].join("\n");
}
