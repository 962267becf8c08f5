import type { Stack } from "@pulumi/pulumi/automation";
import { ProblemError, refuse } from "../../components/problem";
import type { SitePlan } from "../../components/site/plan";
import { confirm } from "../confirm";
import { changesOf, rebuildProblems, rebuildText } from "./plan";
import { identityOf, keepSite, survey } from "./survey";

/** What takes a cluster down and builds it up: the engine of a person's project, or of a lab. */
export interface Builder {
  readonly stack: Stack;
  /** What the engine is run with. */
  readonly env: NodeJS.ProcessEnv;
  /** Deletes everything that is not protected. */
  destroy(): Promise<void>;
  up(): Promise<void>;
  say(line: string): void;
}

/**
 * Destroys a cluster and builds it again with the same addresses and the same identity, after one confirmation unless
 * `sure`. A rebuild that stopped is finished by `pulumi up`, or by the same command while the old cluster still stands.
 * @throws ProblemError when it may not be done, was not confirmed, or something did not outlive it
 */
export async function rebuild(plan: SitePlan, builder: Builder, sure: boolean): Promise<void> {
  const { stack, say } = builder;
  const found = await survey(stack, builder.env);
  refuse(`${plan.name} is not rebuilt; nothing was changed:`, rebuildProblems(plan, found));
  const before = await identityOf(stack);
  say(rebuildText(plan, found));
  if (!sure) await confirm(plan.name);
  await keepSite(stack);
  await builder.destroy();
  await builder.up();
  const changes = changesOf(before, await identityOf(stack));
  if (changes.length > 0) throw new ProblemError(`${plan.name} is rebuilt, but is not the same:`, changes);
  say(`${plan.name} is rebuilt: the same ${Object.keys(before).length} addresses and marks of identity as before.`);
}
