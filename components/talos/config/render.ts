import { ProblemError } from "../../problem";
import type { Contract } from "../releases";
import { compareMinors } from "../version";
import { nodeProblems } from "./check";
import { kubernetesDocuments } from "./kubernetes";
import { legacyFields } from "./legacy";
import type { NodeModel } from "./model";
import { networkDocuments } from "./network";
import { registryDocuments } from "./registries";
import { systemDocuments } from "./system";
import { type ConfigDocument, prune, renderDocument, valueAt } from "./yaml";

/**
 * The patches that turn the base configuration of a role, generated for the same contract, into the configuration of one
 * node: YAML documents with sorted keys, first the v1alpha1 fields (if any), then one document of a kind each. The same
 * model and contract give the same bytes.
 *
 * @throws ProblemError when {@link nodeProblems} finds any.
 */
export function nodePatches(model: NodeModel, contract: Contract): string[] {
  return checkedDocuments(model, contract).map(renderDocument);
}

/** A node's patches, those that hold a secret apart from those that anybody may read. */
export interface NodePatches {
  readonly open: readonly string[];
  readonly secret: readonly string[];
}

/** {@link nodePatches} in two parts. A document that holds a passphrase is secret as a whole. */
export function splitPatches(model: NodeModel, contract: Contract): NodePatches {
  const documents = checkedDocuments(model, contract);
  return {
    open: documents.filter((document) => !holdsPassphrase(document)).map(renderDocument),
    secret: documents.filter(holdsPassphrase).map(renderDocument),
  };
}

function checkedDocuments(model: NodeModel, contract: Contract): readonly ConfigDocument[] {
  const problems = nodeProblems(model, contract);
  if (problems.length > 0)
    throw new ProblemError(`The configuration of ${model.hostname} cannot be written:`, problems);
  return nodeDocuments(model, contract);
}

function holdsPassphrase(document: ConfigDocument): boolean {
  const keys = valueAt(document, "encryption.keys");
  return Array.isArray(keys) && keys.some((key) => key?.static !== undefined);
}

/** The documents behind {@link nodePatches}, before they are written as text. */
export function nodeDocuments(model: NodeModel, contract: Contract): readonly ConfigDocument[] {
  const has = (minor: string) => compareMinors(contract.slice(1), minor) >= 0;
  const documents = [
    ...(has("1.12") ? [...networkDocuments(model), ...registryDocuments(model)] : []),
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
