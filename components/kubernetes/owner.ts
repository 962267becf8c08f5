import * as pulumi from "@pulumi/pulumi";

/** Name under which the API server notes whose fields they are. */
const FIELD_MANAGER = "plinth";

/**
 * Gives every Kubernetes object below a component the same field manager for life.
 *
 * An update that is killed between the API's answer and the state's leaves an object that the state does not know. The
 * next update applies it again; under a name of that run, as the provider would choose, the two would each own the
 * object's fields, and the first later change of one would be refused as a conflict with the other.
 */
export const ownFields: pulumi.ResourceTransformation = ({ type, props, opts }) => {
  const isObject = type.startsWith("kubernetes:") && !type.endsWith("Patch") && "kind" in props && "metadata" in props;
  if (!isObject) return undefined;
  return { props: { ...props, metadata: noted(props.metadata) }, opts };
};

interface Metadata {
  readonly annotations?: pulumi.Input<Readonly<Record<string, pulumi.Input<string>>>> | undefined;
}

const NOTE = { "pulumi.com/patchFieldManager": FIELD_MANAGER };

/** Plain where the metadata are: what is known at preview stays known. */
function noted(given: pulumi.Input<Metadata> | undefined): pulumi.Input<Metadata> {
  const note = ({ annotations, ...rest }: Metadata): Metadata => ({ ...rest, annotations: merged(annotations) });
  return isPlain(given) ? note(given ?? {}) : pulumi.output(given).apply((known) => note(known ?? {}));
}

function merged(given: Metadata["annotations"]): Metadata["annotations"] {
  return isPlain(given) ? { ...given, ...NOTE } : pulumi.output(given).apply((known) => ({ ...known, ...NOTE }));
}

function isPlain<T>(value: pulumi.Input<T>): value is T {
  return !pulumi.Output.isInstance(value) && !(value instanceof Promise);
}
