import { ProblemError } from "../../components/problem";
import type { StateFile } from "../rule";
import { stored, type WrittenResource } from "./stored";

interface Deployment {
  readonly resources?: readonly WrittenResource[];
  readonly secrets_providers?: { readonly type?: string };
  readonly pending_operations?: readonly { readonly resource: { readonly urn: string } }[];
}

/** Reads what `pulumi stack export` prints, or the file of a file backend. */
export function parseState(text: string, file: string): StateFile {
  const read = parseJson(text, file) as {
    readonly deployment?: Deployment;
    readonly checkpoint?: { latest?: Deployment };
  };
  const deployment = read.deployment ?? (read.checkpoint === undefined ? undefined : (read.checkpoint.latest ?? {}));
  if (deployment === undefined) {
    throw new ProblemError(`${file} cannot be checked:`, [
      { path: "", reason: "it is no state of a stack", fix: "write one with pulumi stack export --file state.json" },
    ]);
  }
  return {
    resources: (deployment.resources ?? []).map(stored),
    ...(deployment.secrets_providers?.type !== undefined && { secretsProvider: deployment.secrets_providers.type }),
    pending: (deployment.pending_operations ?? []).map(({ resource }) => resource.urn),
  };
}

/** JSON of a file that a person named. */
export function parseJson(text: string, file: string): object {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    read = undefined;
  }
  if (typeof read === "object" && read !== null) return read;
  throw new ProblemError(`${file} cannot be checked:`, [
    { path: "", reason: "it is not JSON", fix: "name a file that the engine wrote with --json or stack export" },
  ]);
}
