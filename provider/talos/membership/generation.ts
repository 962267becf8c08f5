/**
 * Which machine of a key a configuration is for. The machine itself carries it, as an annotation of its Node in its
 * configuration: a run that was killed right after it installed a machine does not take it for the old one.
 */
import { GENERATION } from "../../../components/talos/config/generation";
import { documents } from "../yaml";

interface ConfigDocument {
  readonly kind?: string;
  readonly machine?: { readonly nodeAnnotations?: { readonly [key: string]: string } };
  readonly annotations?: { readonly [key: string]: string };
}

/** Generation that a machine configuration names, in either of its forms; 1 if it names none. */
export function generationOf(configuration: string): number {
  const named = documents(configuration).flatMap((document) => {
    const { kind, machine, annotations } = (document ?? {}) as ConfigDocument;
    return (kind === "KubeNodeConfig" ? annotations : machine?.nodeAnnotations)?.[GENERATION] ?? [];
  });
  return Math.max(1, ...named.map(Number).filter(Number.isInteger));
}
