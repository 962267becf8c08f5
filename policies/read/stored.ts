import type { Resource, Stored } from "../rule";
import { Values } from "../values";

/** A resource as state files and previews write it. */
export interface WrittenResource {
  readonly urn: string;
  readonly type?: string;
  readonly inputs?: { readonly [name: string]: unknown };
  readonly outputs?: { readonly [name: string]: unknown };
  readonly protect?: boolean;
  readonly retainOnDelete?: boolean;
  readonly additionalSecretOutputs?: readonly string[];
  readonly ignoreChanges?: readonly string[];
  readonly initErrors?: readonly string[];
  readonly dependencies?: readonly string[];
  readonly provider?: string;
}

/** The resource with what was declared about it. */
export function stored(written: WrittenResource): Stored {
  const { urn, inputs = {}, outputs = {}, provider } = written;
  return {
    ...view(urn, written.type ?? typeOf(urn), inputs),
    protect: written.protect === true,
    secretOutputs: written.additionalSecretOutputs ?? [],
    ignoreChanges: written.ignoreChanges ?? [],
    // The provider's id stands behind its URN.
    ...(provider !== undefined && { provider: provider.slice(0, provider.lastIndexOf("::")) }),
    retainOnDelete: written.retainOnDelete === true,
    initErrors: written.initErrors ?? [],
    dependencies: written.dependencies ?? [],
    raw: { inputs, outputs },
  };
}

/** The resource with what became of it, as the engine shows a whole stack to a rule. */
export function final(resource: Stored): Resource {
  const { props: _, open: __, ...rest } = resource;
  return { ...rest, ...view(resource.urn, resource.type, { ...resource.raw.inputs, ...resource.raw.outputs }) };
}

/** A view whose values are read when a rule asks for them. */
function view(urn: string, type: string, wire: { readonly [name: string]: unknown }) {
  const { props, open } = new Values(wire);
  return { urn, type, name: urn.slice(urn.lastIndexOf("::") + 2), props, open };
}

function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}
