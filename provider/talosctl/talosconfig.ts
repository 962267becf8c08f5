/** A talosconfig: who may speak to a cluster, and where. */
import { parse } from "yaml";
import { z } from "zod";
import { ProblemError } from "../../components/problem";
import type { ClientConfiguration } from "../../components/talos/binding";

const schema = z.object({
  context: z.string(),
  contexts: z.record(
    z.string(),
    z.object({ endpoints: z.array(z.string()).min(1), ca: z.string(), crt: z.string(), key: z.string() }),
  ),
});

/** What a talosconfig says in its current context. */
interface Talosconfig {
  readonly credentials: ClientConfiguration;
  /** Addresses of the control planes. */
  readonly endpoints: readonly string[];
}

/** @throws ProblemError that never repeats the text: it holds a key */
export function parseTalosconfig(text: string, file: string): Talosconfig {
  const config = schema.safeParse(read(text)).data;
  const current = config?.contexts[config.context];
  if (current === undefined) {
    throw new ProblemError("Nothing was changed.", [
      {
        path: file,
        reason: "is no talosconfig with endpoints and a client certificate in its current context",
        fix: "write it anew: pulumi stack output --show-secrets talosconfig",
      },
    ]);
  }
  const { endpoints, ca, crt, key } = current;
  return { endpoints, credentials: { caCertificate: ca, clientCertificate: crt, clientKey: key } };
}

function read(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
