import { AsyncResource } from "node:async_hooks";
import * as pulumi from "@pulumi/pulumi";
import { type ReleaseTurn, SETTLE_RELEASE } from "../functions";
import { engine, pluginOptions } from "../plugin";

/** The stack that runs, as its releases name it. */
export function releaseOwner(): string {
  return `${pulumi.getProject()}/${pulumi.getStack()}`;
}

/**
 * What lets a run go on where a killed one stopped: Helm refuses to touch a release that it was killed at. Before it
 * begins, plinth's provider notes who works at it, and takes away what the record of a killed run says; afterwards it
 * takes the note away. An archive whose digest is known is looked at once more, each time that Helm is about to fetch it. A
 * preview, and a program's own tests with mocks, have no use for it and no cost by it.
 */
export function releaseHooks(
  release: Pick<ReleaseTurn, "namespace" | "name" | "seconds" | "archive"> & {
    readonly kubeconfig: pulumi.Input<string>;
  },
  parent: pulumi.Resource,
): pulumi.ResourceHookBinding | undefined {
  if (pulumi.runtime.isDryRun() || engine() === undefined) return undefined;
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
