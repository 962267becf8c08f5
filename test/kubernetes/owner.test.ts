import * as pulumi from "@pulumi/pulumi";
import { ownFields } from "../../components/kubernetes/owner";

const NOTE = { "pulumi.com/patchFieldManager": "plinth" };

function metadataOf(type: string, props: object): unknown {
  const resource = {} as pulumi.Resource;
  return ownFields({ type, name: "x", props, opts: {}, resource })?.props.metadata;
}

const object = (metadata: unknown) => ({ apiVersion: "v1", kind: "ConfigMap", metadata });

const known = <T>(value: pulumi.Input<T>) => new Promise<T>((resolve) => pulumi.output(value).apply(resolve as never));

test("every object has one owner of its fields for life, beside the notes it has already", () => {
  expect(metadataOf("kubernetes:core/v1:ConfigMap", object({ name: "site" }))).toEqual({
    name: "site",
    annotations: NOTE,
  });
  expect(metadataOf("kubernetes:example.org/v1:Thing", object(undefined))).toEqual({ annotations: NOTE });
  expect(metadataOf("kubernetes:core/v1:ConfigMap", object({ annotations: { own: "note" } }))).toEqual({
    annotations: { own: "note", ...NOTE },
  });
});

test("what is known only later is noted then", async () => {
  const annotations = pulumi.output({ own: "note" });
  const inner = metadataOf("kubernetes:core/v1:ConfigMap", object({ annotations })) as { annotations: unknown };
  expect(await known(inner.annotations)).toEqual({ own: "note", ...NOTE });
  const whole = metadataOf("kubernetes:core/v1:ConfigMap", object(pulumi.output({ name: "later" })));
  expect(await known(whole)).toEqual({ name: "later", annotations: NOTE });
});

test("a patch of somebody's object, a chart and what is no object are left alone", () => {
  expect(metadataOf("kubernetes:core/v1:ConfigMapPatch", object({}))).toBeUndefined();
  expect(metadataOf("kubernetes:helm.sh/v3:Release", { chart: "cilium" })).toBeUndefined();
  expect(metadataOf("plinth:site:Facts", object({}))).toBeUndefined();
});
