import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { packageRoot, projectFile } from "../../components/discovery";
import { ProblemError } from "../../components/problem";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { cacheRoot } from "../../lab/places";
import { checkEvidence, type Evidence, stackAfter } from "../../policies/check";
import { type Judgement, RuleBook } from "../../policies/judge";
import { renderCharts } from "../../policies/read/charts";
import { parsePreview } from "../../policies/read/preview";
import { parseState } from "../../policies/read/state";
import { jsonReport } from "../../policies/report/json";
import { rulesPage } from "../../policies/report/page";
import { sarifReport } from "../../policies/report/sarif";
import { textReport } from "../../policies/report/text";
import type { RenderedChart } from "../../policies/rule";
import { rules } from "../../policies/rules";
import { PACK_RULE, packSettings, parseConfig, type RawConfig, today } from "../../policies/settings";
import { stackPlace } from "./recover";

interface CheckOptions {
  readonly stack?: string;
  readonly dir: string;
  readonly preview?: string;
  readonly state?: string;
  readonly config?: string;
  readonly profile?: string;
  readonly format: "text" | "json" | "sarif";
  readonly output?: string;
}

/** `plinth check`: every rule of the policy pack, without an engine. */
export function registerCheck(program: Command): void {
  program
    .command("check")
    .description(
      "check a site file, a preview and a state against the rules; ends with 1 when one stops, with 2 when nothing could be checked",
    )
    .option("--stack <name>", "the stack's site file, and its state where the backend is a folder")
    .option("--dir <folder>", "the project, or a folder below it", process.cwd())
    .option("--preview <file>", "what pulumi preview --json --show-sames wrote")
    .option("--state <file>", "what pulumi stack export wrote, or a backend's file")
    .option("--config <file>", "configuration of the rules, as --policy-pack-config takes it")
    .addOption(new Option("--profile <name>", "how much is asked").choices(["minimal", "standard", "production"]))
    .addOption(new Option("--format <format>", "how to tell it").choices(["text", "json", "sarif"]).default("text"))
    .option("--output <file>", "write it there and tell it as text as well")
    .action(async (options: CheckOptions) => {
      // Bad input is told like anywhere else, and is no finding.
      process.exitCode = 2;
      const book = bookOf(options);
      const evidence = evidenceOf(options);
      const judgement = checkEvidence(book, { ...evidence, charts: await chartsOf(evidence) });
      const report = REPORTS[options.format](judgement, options);
      if (options.output === undefined) process.stdout.write(report);
      else {
        writeFileSync(options.output, report);
        process.stdout.write(textReport(judgement));
      }
      process.exitCode = judgement.verdicts.some(stops) ? 1 : 0;
    });
}

/** `plinth rules`: what docs/policies.md lists. */
export function registerRules(program: Command): void {
  program
    .command("rules")
    .description("print every rule of the policy pack, as in docs/policies.md")
    .option("--write", "write them into docs/policies.md of this checkout instead")
    .action(({ write }: { write?: boolean }) => {
      if (write !== true) {
        process.stdout.write(rulesPage(rules));
        return;
      }
      const file = join(packageRoot, "docs", "policies.md");
      const [guide = ""] = readFileSync(file, "utf8").split(RULES_MARK);
      writeFileSync(file, `${guide}${RULES_MARK}\n\n${rulesPage(rules)}`);
    });
}

/** Everything below this line of docs/policies.md is made of the rules. */
export const RULES_MARK = "<!-- rules -->";

const REPORTS = {
  text: textReport,
  json: jsonReport,
  sarif: (judgement: Judgement, { preview, state, stack }: CheckOptions) =>
    sarifReport(judgement, rules, preview ?? state ?? `stacks/Pulumi.${stack}.yaml`),
};

function stops({ level, exemption }: Judgement["verdicts"][number]): boolean {
  return level === "mandatory" && exemption === undefined;
}

function bookOf({ config, profile }: CheckOptions): RuleBook {
  const written: RawConfig = config === undefined ? {} : parseConfig(read(config), config, rules);
  const own = written[PACK_RULE] ?? { properties: {} };
  const asked = profile === undefined ? own : { ...own, properties: { ...own.properties, profile } };
  return new RuleBook(rules, packSettings({ ...written, [PACK_RULE]: asked }, rules, today()));
}

function evidenceOf({ stack, dir, preview, state }: CheckOptions): Evidence {
  if (stack === undefined && preview === undefined && state === undefined) {
    throw new ProblemError("There is nothing to check.", [
      { path: "", reason: "no stack, preview or state is named", fix: "write --stack, --preview or --state" },
    ]);
  }
  if (stack !== undefined) checkSiteFile(dir, stack);
  const stateFile = state ?? (stack === undefined ? undefined : backendFile(dir, stack));
  return {
    ...(preview !== undefined && { preview: parsePreview(read(preview), preview) }),
    ...(stateFile !== undefined && { state: parseState(read(stateFile), stateFile) }),
  };
}

/** What the stack's charts render, where their archives are at hand. */
async function chartsOf(evidence: Evidence): Promise<readonly RenderedChart[]> {
  const { PLINTH_CHARTS_DIR: archives, PLINTH_CHARTS_DIGESTS: packed } = process.env;
  if (archives === undefined) return [];
  const digests = packed === undefined ? {} : JSON.parse(read(packed));
  const places = { archives, digests, cache: join(cacheRoot(), "charts") };
  return renderCharts(stackAfter(evidence), places, new AbortController().signal);
}

/** A site file is checked as a whole by its own rules; what is wrong with it is told with every path. */
function checkSiteFile(dir: string, stack: string): void {
  const project = projectFile(dir);
  const folder = project === undefined ? dir : join(project, "..");
  const file = [join(folder, "stacks", `Pulumi.${stack}.yaml`), join(folder, `Pulumi.${stack}.yaml`)].find(existsSync);
  if (file !== undefined && readFileSync(file, "utf8").includes("plinth:site")) parseSite(readSiteFile(file), file);
}

/** File of the stack in a folder's backend; other backends have to be exported. */
function backendFile(dir: string, stack: string): string | undefined {
  if (!(process.env.PULUMI_BACKEND_URL ?? "").startsWith("file://")) return undefined;
  const place = stackPlace(dir, stack);
  const file = join(place.backend, ".pulumi", "stacks", place.project, `${place.stack}.json`);
  return existsSync(file) ? file : undefined;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ProblemError("There is nothing to check:", [
      { path: file, reason: (error as Error).message, fix: "name a file that you may read" },
    ]);
  }
}
