/** A stack's state as a file, for commands that look at what the last update left. */
import { z } from "zod";
import { ProblemError } from "../components/problem";

const resource = z.looseObject({
  urn: z.string(),
  type: z.string(),
  inputs: z.unknown().optional(),
  outputs: z.record(z.string(), z.unknown()).optional(),
});
const deployment = z.looseObject({ resources: z.array(resource).default([]) });
/** What `pulumi stack export` prints. */
const exported = z.looseObject({ deployment });
/** A file of a file backend. */
const checkpoint = z.looseObject({ checkpoint: z.looseObject({ latest: deployment }) });

/** Every resource of a state, and the state they are part of. @throws ProblemError when the text is no state. */
export function parseState(text: string, file: string) {
  const refuse = (reason: string): never => {
    const fix = "give the output of `pulumi stack export`";
    throw new ProblemError(`${file} cannot be used:`, [{ path: "", reason, fix }]);
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return refuse("is not JSON");
  }
  const asExported = exported.safeParse(json);
  if (asExported.success) return { data: asExported.data, resources: asExported.data.deployment.resources };
  const asFile = checkpoint.safeParse(json);
  if (asFile.success) return { data: asFile.data, resources: asFile.data.checkpoint.latest.resources };
  return refuse("is no state of a stack");
}
