import type { Contract } from "../releases";
import { compareMinors } from "../version";
import { configDocument } from "./network";
import { renderDocument } from "./yaml";

/** Annotation of a Node that says which machine of its inventory key it is. */
export const GENERATION = "plinth.dev/generation";

/** The patch that marks a machine's configuration with its generation; none for the first. */
export function generationPatches(generation: number, contract: Contract): readonly string[] {
  if (generation === 1) return [];
  const annotations = { [GENERATION]: String(generation) };
  return [
    renderDocument(
      compareMinors(contract.slice(1), "1.14") >= 0
        ? configDocument("KubeNodeConfig", { annotations })
        : { machine: { nodeAnnotations: annotations } },
    ),
  ];
}
