import * as pulumi from "@pulumi/pulumi";
import { parseBundle, type SecretsBundle } from "../adopt/bundle";
import { pluginProblems } from "../discovery";
import { neededSecrets } from "../platform/plan";
import { formatProblems, type Problem, ProblemError, refuse } from "../problem";
import { secretNames } from "./encryption";
import { parseSite } from "./parse";
import { planSite, type SitePlan } from "./plan";
import type { SiteArgs } from "./Site";
import type { SiteFile } from "./spec";

/** Secret of the stack's configuration that identifies a cluster which ran before plinth. */
export const BUNDLE = "bundle";

/** The plan of a site file; bad input ends the program with its problems and no stack trace. */
export function checkedPlan(site: SiteFile, file?: string): SitePlan {
  return withoutTrace(() => {
    refuse("plinth's own provider cannot be found", pluginProblems());
    return planSite(parseSite(site, file));
  });
}

/**
 * What looks the platform's secrets up. A preview by recorded answers opens nothing with them: the stack need not have
 * them then, and what stands in for one is read as a text and as an object of texts alike.
 */
export function platformSecrets(plan: SitePlan, secret: SiteArgs["secret"]): SiteArgs["secret"] {
  if (!pulumi.runtime.isDryRun() || process.env.PLINTH_RECORDED === undefined) return secret;
  const needed = neededSecrets(plan.platform?.services ?? []).map((each) => each.secret);
  return (name) => secret?.(name) ?? (needed.includes(name) ? pulumi.secret("{}") : undefined);
}

/** Every secret that the plan names; what the stack has not is told with the places that name it. */
export function checkedSecrets(plan: SitePlan, { secret, file }: SiteArgs): Record<string, pulumi.Output<string>> {
  const found: Record<string, pulumi.Output<string>> = {};
  const problems: Problem[] = [];
  for (const name of new Set(plan.nodes.flatMap(({ encryption }) => secretNames(encryption ?? {})))) {
    const value = secret?.(name);
    if (value !== undefined) found[name] = pulumi.secret(value);
    else {
      const users = plan.nodes.filter(({ encryption }) => secretNames(encryption ?? {}).includes(name));
      problems.push({
        path: "encryption",
        reason: `${users.map(({ key }) => key).join(", ")}: this stack has no secret "${name}"`,
        fix: `pulumi config set --secret secrets:${name}, with a long passphrase that is kept elsewhere too`,
      });
    }
  }
  for (const { key, rescue } of plan.nodes) {
    if (rescue === undefined || found[rescue.secret] !== undefined) continue;
    const value = secret?.(rescue.secret);
    if (value !== undefined) found[rescue.secret] = pulumi.secret(value);
    else {
      problems.push({
        path: `machines.${key}.rescue`,
        reason: `this stack has no secret "${rescue.secret}"`,
        fix: `pulumi config set --secret secrets:${rescue.secret} < the private key that the rescue system knows`,
      });
    }
  }
  const inside = platformSecrets(plan, secret);
  for (const { secret: name, path, users } of neededSecrets(plan.platform?.services ?? [])) {
    if (inside?.(name) !== undefined) continue;
    problems.push({
      path,
      reason: `${users.join(", ")}: this stack has no secret "${name}"`,
      fix: `pulumi config set --secret secrets:${name}`,
    });
  }
  const adopted = plan.nodes.filter((node) => node.adopted === true).map(({ key }) => key);
  if (adopted.length > 0 && secret?.(BUNDLE) === undefined) {
    problems.push({
      path: `machines.${adopted[0]}.adopted`,
      reason: `${adopted.join(", ")} ran before plinth, and this stack has not their cluster's secrets`,
      fix: `pulumi config set --secret secrets:${BUNDLE} < the file that plinth adopt wrote; new secrets would not fit them`,
    });
  }
  if (problems.length > 0)
    throw new pulumi.RunError(formatProblems(`${file ?? "the site file"} names secrets:`, problems));
  return found;
}

/** Secrets of a cluster that ran before plinth, from the text that the stack keeps. */
export function checkedBundle(text: string): SecretsBundle {
  return withoutTrace(() => parseBundle(text));
}

/** What is wrong with the input ends the program with its own words, and no stack trace. */
export function withoutTrace<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ProblemError ? new pulumi.RunError(error.message) : error;
  }
}
