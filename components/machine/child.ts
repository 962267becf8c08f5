import * as pulumi from "@pulumi/pulumi";

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
