import * as pulumi from "@pulumi/pulumi";

/**
 * Name of what belongs to one machine of a key, at the engine and at a vendor: a later one is made beside the one that
 * stood there before, which is given back when everything else of the update has succeeded.
 */
export function ofGeneration(name: string, generation = 1): string {
  return generation === 1 ? name : `${name}-g${generation}`;
}

/** Options of a component's child that comes after some resources. */
export type ChildOptions = (...resources: readonly pulumi.Resource[]) => {
  readonly parent: pulumi.Resource;
  readonly dependsOn: pulumi.Input<pulumi.Resource[]>;
};

/**
 * Options of the children of a component: a component's own dependencies do not reach them by themselves, and nothing
 * is rented before the site may have it.
 */
export function childOptions(parent: pulumi.Resource, opts?: pulumi.ComponentResourceOptions): ChildOptions {
  const before = opts?.dependsOn;
  return (...resources) => ({
    parent,
    dependsOn:
      before === undefined ? [...resources] : pulumi.output(before).apply((all) => [...[all].flat(), ...resources]),
  });
}
