import { ProblemError } from "../../components/problem";
import type { Step } from "../rule";
import { parseJson } from "./state";
import { stored, type WrittenResource } from "./stored";

interface WrittenStep {
  readonly op: string;
  readonly urn: string;
  readonly oldState?: WrittenResource;
  readonly newState?: WrittenResource;
  readonly detailedDiff?: { readonly [path: string]: unknown } | null;
  readonly diffReasons?: readonly string[];
}

/** Reads what `pulumi preview --json` prints. */
export function parsePreview(text: string, file: string): readonly Step[] {
  const { steps } = parseJson(text, file) as { readonly steps?: readonly WrittenStep[] };
  if (!Array.isArray(steps)) {
    throw new ProblemError(`${file} cannot be checked:`, [
      {
        path: "steps",
        reason: "there are none",
        fix: "write it with pulumi preview --json --show-sames > preview.json",
      },
    ]);
  }
  return steps.map(stepOf);
}

export function stepOf({ op, urn, oldState, newState, detailedDiff, diffReasons }: WrittenStep): Step {
  const before = oldState === undefined ? undefined : stored({ ...oldState, urn });
  const after = newState === undefined ? undefined : stored({ ...newState, urn });
  const { type = "", name = "" } = after ?? before ?? {};
  return {
    op,
    urn,
    type,
    name,
    ...(before !== undefined && { before }),
    ...(after !== undefined && { after }),
    paths: detailedDiff ? Object.keys(detailedDiff) : (diffReasons ?? []),
  };
}
