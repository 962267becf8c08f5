import * as pulumi from "@pulumi/pulumi";
import { formatProblems, type Problem } from "../problem";
import type { Licence } from "./Licence";
import { COUNTED_FIRST, growth, NOTHING, recalled, type Use } from "./use";

/**
 * The licence, for whatever may not grow without it to wait for: it is handed on only when it covers this use.
 *
 * An update of single resources (`--target`, `--exclude`) can leave the licence out, and the engine then hands over
 * what it once said. The program always runs whole: here it sees that this was about a smaller site, and ends before
 * anything that waits is registered.
 */
export function asked(licence: Licence, use: Use): pulumi.Output<Licence> {
  return pulumi.all([licence.urn, licence.covered, licence.counted]).apply(([urn, covered, counted]) => {
    const problem = notAsked(urn, covered, use, counted);
    if (problem !== undefined) throw new pulumi.RunError(formatProblems("The site may not grow:", [problem]));
    return licence;
  });
}

/** What is wrong with an update whose licence was about a smaller site, or about none; nothing when it covers this. Pure. */
export function notAsked(
  urn: string,
  covered: Use | undefined,
  use: Use,
  counted: readonly string[] = COUNTED_FIRST,
): Problem | undefined {
  const grown = growth(covered === undefined ? NOTHING : recalled(covered, counted, use), use);
  if (grown.length === 0) return undefined;
  const reason = `${grown.join(", ")}; this update does not ask the licence, as it is not among its targets`;
  const fix = `update the whole site, or name the licence as well: --target '${urn}'`;
  return { path: "licence", reason, fix };
}
