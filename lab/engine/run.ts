import { join } from "node:path";
import type { OutputMap, Stack } from "@pulumi/pulumi/automation";
import { packageRoot } from "../../components/discovery";
import { ProblemError } from "../../components/problem";
import { forEngine } from "../interrupt";
import type { Ticker } from "../ticker";
import { Report } from "./report";
import { watched } from "./watch";

/** Folder of plinth's policy pack. */
export const packFolder = join(packageRoot, "policies");

/** An engine operation of the lab. */
export type Operation = "up" | "preview" | "destroy";

/** Settings of {@link runEngine}. */
export interface RunOptions {
  readonly ticker: Ticker;
  /** Asks the engine to end after its current step. */
  readonly signal: AbortSignal;
  /** Ends the engine at once. @default - never */
  readonly now?: AbortSignal;
  /** Whether plinth's own rules look at what is done. @default false */
  readonly policies?: boolean;
  /** Sees every engine event beside the report. */
  readonly onEvent?: (event: Parameters<Report["onEvent"]>[0]) => void;
}

/** A finished engine operation. `outputs` are the stack's after an `up`, else none. */
export interface EngineRun {
  readonly report: Report;
  readonly outputs: OutputMap;
}

/** Runs one engine operation with live progress; a failure says what was done, what was not, and how to go on. */
export async function runEngine(stack: Stack, operation: Operation, options: RunOptions): Promise<EngineRun> {
  const { ticker, signal } = options;
  const report = new Report(ticker, operation === "preview");
  const ending = new AbortController();
  forEngine(signal).addEventListener("abort", () => ending.abort(), { once: true });
  // An inline program lives in this process: an error that nobody caught does not end it, and the engine would wait for
  // the rest of the program for ever.
  const onUncaught = (error: unknown) => {
    report.errors.push(`The stack program failed: ${error instanceof Error ? error.message : String(error)}`);
    ending.abort();
  };
  process.on("unhandledRejection", onUncaught);
  const settings = {
    signal: ending.signal,
    color: "never" as const,
    ...(options.policies === true && operation !== "destroy" && { policyPacks: [packFolder] }),
    onEvent: (event: Parameters<Report["onEvent"]>[0]) => {
      report.onEvent(event);
      options.onEvent?.(event);
    },
  };
  try {
    const work = async (): Promise<OutputMap> => {
      if (operation === "up") return (await stack.up(settings)).outputs;
      if (operation === "preview") await stack.preview(settings);
      // What has to survive, the secrets bundle first of all, is protected and stays.
      else await stack.destroy({ ...settings, excludeProtected: true });
      return {};
    };
    const outputs = await ticker.during(
      () => report.describe(),
      () => watched(stack.workspace.pulumiCommand.command, options.now, work()),
    );
    return { report, outputs };
  } catch (error) {
    throw failure(operation, report, error, signal.aborted);
  } finally {
    process.off("unhandledRejection", onUncaught);
  }
}

function failure(operation: Operation, report: Report, error: unknown, aborted: boolean): Error {
  // Without a diagnostic the engine itself failed; its own words are all there is.
  const said = report.errors.length > 0 ? report.errors : [lastWords(error)];
  const kept = operation !== "preview" && report.changed > 0;
  const done = !kept ? "nothing was changed" : `${report.changed} changes were made and kept`;
  const heading = aborted
    ? `Stopped as you asked: ${done}.`
    : `${said.join("\n")}\n\nThe ${operation} did not finish: ${done}.`;
  const again =
    operation === "destroy"
      ? "npm run lab -- reset"
      : operation === "preview"
        ? "npm run lab -- preview"
        : "npm run lab";
  const reason = aborted ? "the work is not finished" : "the rest was not done";
  return new ProblemError(heading, [{ path: "", reason, fix: `go on with: ${again}` }]);
}

/** The end of the engine's output, without the Automation API's frame around it. */
function lastWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const stderr = /stderr: ([\s\S]*?)\n err\?:/.exec(text)?.[1]?.trim();
  return (stderr ? stderr : text).split("\n").slice(-15).join("\n");
}
