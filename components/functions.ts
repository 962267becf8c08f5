/** What a program asks plinth's provider beside its resources: tokens, and what is said with them. */

import type { BundledChart } from "./kubernetes/CrdBundle";

/** Function of plinth's provider that compares its own version with the program's. */
export const CHECK_VERSION = "plinth:index:checkVersion";

/** What {@link CHECK_VERSION} is asked. */
export interface VersionQuestion {
  /** Version of the library that the program uses. */
  readonly library: string;
}

/** Function of plinth's provider that is asked before and after Helm works at a release. */
export const SETTLE_RELEASE = "plinth:kubernetes:settleRelease";

/** A moment in the life of a release at which something is to be settled that Helm does not settle itself. */
export interface ReleaseTurn {
  /** Admin kubeconfig (secret). */
  readonly kubeconfig: string;
  /** What is about to happen to the release, or has happened. `installed` and `upgraded` are said when Helm has succeeded. */
  readonly moment: "install" | "upgrade" | "installed" | "upgraded";
  readonly namespace: string;
  readonly name: string;
  /** The stack that it belongs to, as `project/stack`. */
  readonly owner: string;
  /** Longest time that Helm waits for its workloads, in seconds. */
  readonly seconds: number;
  /** URN of the release, for messages. */
  readonly urn: string;
  /** The archive that Helm is about to fetch, where its digest is known: another one is refused. @default - any is taken */
  readonly archive?: Pick<BundledChart, "chart" | "repository" | "version" | "digest"> | undefined;
}

/** What the history of a release says of a revision that a stack has installed; a release of somebody else says less. */
export function releaseDescription(owner: string): string {
  return `by plinth, stack ${owner}`;
}
