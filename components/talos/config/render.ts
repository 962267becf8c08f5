import { ProblemError } from "../../problem";
import type { Contract } from "../releases";
import { compareMinors } from "../version";
import { nodeProblems } from "./check";
import { kubernetesDocuments } from "./kubernetes";
import { legacyFields } from "./legacy";
import type { NodeModel } from "./model";
import { networkDocuments } from "./network";
import { systemDocuments } from "./system";
import { type ConfigDocument, prune, renderDocument } from "./yaml";

/**
 * The patches that turn the base configuration of a role, generated for the same contract, into the configuration of one
 * node: YAML documents with sorted keys, first the v1alpha1 fields (if any), then one document of a kind each. The same
 * model and contract give the same bytes.
 *
 * @throws ProblemError when {@link nodeProblems} finds any.
 */
export function nodePatches(model: NodeModel, contract: Contract): string[] {
  const problems = nodeProblems(model, contract);
  if (problems.length > 0)
    throw new ProblemError(`The configuration of ${model.hostname} cannot be written:`, problems);
  return nodeDocuments(model, contract).map(renderDocument);
}

/** The documents behind {@link nodePatches}, before they are written as text. */
export function nodeDocuments(model: NodeModel, contract: Contract): readonly ConfigDocument[] {
  const has = (minor: string) => compareMinors(contract.slice(1), minor) >= 0;
  const documents = [
    ...(has("1.12") ? networkDocuments(model) : []),
    ...systemDocuments(model, has),
    ...(has("1.14") ? kubernetesDocuments(model) : []),
  ];
  const fields = prune(legacyFields(model, has));
  return [...(Object.keys(fields).length > 0 ? [fields] : []), ...documents.sort(byKindAndName)];
}

/** Whether the contract is of that minor or a later one. */
export type Has = (minor: string) => boolean;

function byKindAndName(a: ConfigDocument, b: ConfigDocument): number {
  const key = (document: ConfigDocument) => `${document.kind}/${document.name ?? ""}`;
  return key(a) < key(b) ? -1 : 1;
}
