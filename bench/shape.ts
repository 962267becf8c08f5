import * as pulumi from "@pulumi/pulumi";
import type { PulumiFn } from "@pulumi/pulumi/automation";

/** What a resource weighs in the engine: everything but its meaning. */
export interface Weight {
  readonly name: string;
  readonly custom: boolean;
  readonly parent?: string;
  readonly dependsOn: readonly string[];
  /** Bytes of its inputs as JSON, public and secret ones apart: the engine encrypts the latter. */
  readonly publicBytes: number;
  readonly secretBytes: number;
}

interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly parent?: string;
  readonly dependencies?: readonly string[];
  readonly inputs?: Record<string, unknown>;
}

const SECRET_SIGN = "4dabf18193072939515e22adb298388d";
const nameOf = (urn: string) =>
  urn
    .split("::")
    .slice(2)
    .join("-")
    .replace(/[^A-Za-z0-9-]/g, "-");

/** The weights of an exported state, parents and dependencies first, as the engine keeps them. */
export function weigh(resources: readonly StateResource[]): Weight[] {
  return resources
    .filter((resource) => resource.type !== "pulumi:pulumi:Stack" && !/^pulumi:providers:[^:]*$/.test(resource.type))
    .map((resource) => {
      const parent =
        resource.parent && !resource.parent.includes("pulumi:pulumi:Stack::") ? nameOf(resource.parent) : undefined;
      const sizes = Object.values(resource.inputs ?? {}).map((value) => {
        const text = JSON.stringify(value);
        return { secret: text.includes(SECRET_SIGN), bytes: text.length };
      });
      const sum = (secret: boolean) =>
        sizes.filter((size) => size.secret === secret).reduce((total, { bytes }) => total + bytes, 0);
      return {
        name: nameOf(resource.urn),
        custom: resource.custom,
        ...(parent !== undefined && { parent }),
        dependsOn: (resource.dependencies ?? []).map(nameOf),
        publicBytes: sum(false),
        secretBytes: sum(true),
      };
    });
}

class Thing extends pulumi.CustomResource {
  constructor(name: string, props: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super("bench:index:Thing", name, props, opts);
  }
}

class Group extends pulumi.ComponentResource {
  constructor(name: string, opts: pulumi.ComponentResourceOptions) {
    super("bench:index:Group", name, {}, opts);
    this.registerOutputs({});
  }
}

/** A program with as many resources, the same parents and dependencies, and inputs of the same size. */
export function bareProgram(weights: readonly Weight[]): PulumiFn {
  return async () => {
    const made = new Map<string, pulumi.Resource>();
    const known = (name: string) => made.get(name) ?? [];
    for (const { name, custom, parent, dependsOn, publicBytes, secretBytes } of weights) {
      const parentResource = parent === undefined ? undefined : made.get(parent);
      const opts = { dependsOn: dependsOn.flatMap(known), ...(parentResource && { parent: parentResource }) };
      const props = {
        open: "x".repeat(publicBytes),
        ...(secretBytes > 0 && { closed: pulumi.secret("x".repeat(secretBytes)) }),
      };
      made.set(name, custom ? new Thing(name, props, opts) : new Group(name, opts));
    }
    return {};
  };
}
