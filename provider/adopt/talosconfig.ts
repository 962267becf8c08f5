/** Reads the talosconfig of a cluster that runs. */
import { parse } from "yaml";
import { z } from "zod";
import { type Problem, ProblemError } from "../../components/problem";
import type { ClientConfiguration } from "../../components/talos/binding";

const schema = z.looseObject({
  context: z.string().optional(),
  contexts: z.record(
    z.string(),
    z.looseObject({
      endpoints: z.array(z.string()).nullish(),
      nodes: z.array(z.string()).nullish(),
      ca: z.string(),
      crt: z.string(),
      key: z.string(),
    }),
  ),
});

/** How a cluster is reached. */
export interface Access {
  readonly clientConfiguration: ClientConfiguration;
  /** Addresses that the file names, endpoints first. */
  readonly addresses: readonly string[];
}

/** @throws ProblemError when the text is no talosconfig, or has no such context; it is never told */
export function parseTalosconfig(text: string, file: string, wanted?: string): Access {
  const refuse = (problem: Problem): never => {
    throw new ProblemError("The cluster cannot be reached:", [problem]);
  };
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    // Told below: the parser's own words would quote the text.
  }
  const { data } = schema.safeParse(value);
  if (data === undefined) {
    return refuse({
      path: file,
      reason: "is no talosconfig with a client certificate",
      fix: "name one with --talosconfig",
    });
  }
  const name = wanted ?? data.context ?? Object.keys(data.contexts)[0] ?? "";
  const context = data.contexts[name];
  if (context === undefined) {
    const fix = `name one of ${Object.keys(data.contexts).join(", ")} with --context`;
    return refuse({ path: file, reason: `has no context "${name}"`, fix });
  }
  return {
    clientConfiguration: { caCertificate: context.ca, clientCertificate: context.crt, clientKey: context.key },
    addresses: [...new Set([...(context.endpoints ?? []), ...(context.nodes ?? [])])],
  };
}

/** A talosconfig of one's own for talosctl: no endpoints, every call names its machine. */
export function talosconfigText({ caCertificate, clientCertificate, clientKey }: ClientConfiguration): string {
  const contexts = { plinth: { endpoints: [], ca: caCertificate, crt: clientCertificate, key: clientKey } };
  return JSON.stringify({ context: "plinth", contexts });
}
