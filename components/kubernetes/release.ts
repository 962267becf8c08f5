import { AsyncResource } from "node:async_hooks";
import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../plugin";

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
}

/** What the history of a release says of a revision that a stack has installed; a release of somebody else says less. */
export function releaseDescription(owner: string): string {
  return `by plinth, stack ${owner}`;
}

/** The stack that runs, as its releases name it. */
export function releaseOwner(): string {
  return `${pulumi.getProject()}/${pulumi.getStack()}`;
}

/**
 * What lets a run go on where a killed one stopped: Helm refuses to touch a release that it was killed at. Before it
 * begins, plinth's provider notes who works at it, and takes away what the record of a killed run says; afterwards it
 * takes the note away. A preview, and a program's own tests with mocks, have no use for it and no cost by it.
 */
export function releaseHooks(
  release: Pick<ReleaseTurn, "namespace" | "name" | "seconds"> & { readonly kubeconfig: pulumi.Input<string> },
  parent: pulumi.Resource,
): pulumi.ResourceHookBinding | undefined {
  const monitor = pulumi.runtime.getMonitor();
  if (pulumi.runtime.isDryRun() || monitor === undefined || !("registerResourceHook" in monitor)) return undefined;
  // The engine calls a hook outside of the program's own asynchronous context, which is where the connection to it is kept.
  const turn = (moment: ReleaseTurn["moment"]): pulumi.ResourceHookFunction =>
    AsyncResource.bind(async ({ urn }: pulumi.ResourceHookArgs) => {
      await pulumi.runtime.invoke(
        SETTLE_RELEASE,
        { ...release, moment, owner: releaseOwner(), urn },
        { ...pluginOptions(), parent },
      );
    });
  return {
    beforeCreate: [turn("install")],
    afterCreate: [turn("installed")],
    beforeUpdate: [turn("upgrade")],
    afterUpdate: [turn("upgraded")],
  };
}
