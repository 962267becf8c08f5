import * as http from "node:http";
import * as https from "node:https";
import { z } from "zod";
import { formatProblem } from "../../components/problem";
import { type BootServer, BootServerError, type BootServerFacts, type MachinePermission } from "./server";

export interface BootServerConfig {
  /** URL of the operators' side. */
  readonly url: string;
  /** Secret. */
  readonly token?: string;
  /** PEM. @default - the system's CAs */
  readonly caCertificate?: string;
}

/** Longest wait for one answer, in milliseconds. */
const PATIENCE = 20_000;

const machine: z.ZodType<MachinePermission> = z.object({
  mac: z.string(),
  uuid: z.string(),
  action: z.enum(["install", "rescue", "wipe"]),
  generation: z.int(),
  expires: z.int(),
  phase: z.enum(["ended", "granted", "leased"]),
  end: z.enum(["expired", "proof", "revoked", "used"]).exactOptional(),
});
const about: z.ZodType<BootServerFacts> = z.object({
  session: z.string(),
  configurationUrl: z.string().exactOptional(),
});
const one = z.object({ machine: machine.nullable() });
const many = z.object({ machines: z.array(machine) });
const problems = z.object({ problems: z.array(z.object({ path: z.string(), reason: z.string(), fix: z.string() })) });

/** A boot server over HTTP. */
export function bootServer(config: BootServerConfig): BootServer {
  const call = async <T>(schema: z.ZodType<T>, method: string, path: string, signal?: AbortSignal, body?: unknown) => {
    const answer = await send(config, method, path, body, signal);
    if (answer.status >= 400) throw new BootServerError("refused", refusal(config.url, answer));
    const parsed = schema.safeParse(json(answer.text));
    if (parsed.success) return parsed.data;
    throw new BootServerError("refused", `${config.url} does not answer like a boot server of plinth`);
  };
  const machinePath = (mac: string) => `/api/machines/${mac}`;
  return {
    about: (signal) => call(about, "GET", "/api/server", signal),
    machine: async (mac, signal) => (await call(one, "GET", machinePath(mac), signal)).machine ?? undefined,
    machines: async (signal) => (await call(many, "GET", "/api/machines", signal)).machines,
    grant: async (permission, configuration) => {
      const body = { permission, ...(configuration !== undefined && { configuration }) };
      return (await call(z.object({ machine }), "POST", "/api/permissions", undefined, body)).machine;
    },
    revoke: async (mac) => (await call(one, "DELETE", machinePath(mac))).machine ?? undefined,
  };
}

interface Raw {
  readonly status: number;
  readonly text: string;
}

function send(
  config: BootServerConfig,
  method: string,
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<Raw> {
  const url = new URL(path, config.url);
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const bound = AbortSignal.timeout(PATIENCE);
    const request = (url.protocol === "https:" ? https : http).request(url, {
      method,
      signal: signal === undefined ? bound : AbortSignal.any([signal, bound]),
      ...(config.caCertificate !== undefined && { ca: config.caCertificate }),
      headers: {
        Authorization: `Bearer ${config.token ?? ""}`,
        ...(payload !== undefined && {
          "Content-Type": "application/json",
          "Content-Length": Buffer.byteLength(payload),
        }),
      },
    });
    const fail = (error: NodeJS.ErrnoException) => {
      if (signal?.aborted) return reject(signal.reason);
      const why = bound.aborted ? `no answer within ${PATIENCE / 1000} s` : error.message;
      const connected = error.code !== "ECONNREFUSED" && error.code !== "ENOTFOUND";
      const kind = method !== "GET" && connected ? "unknown" : "unreachable";
      reject(new BootServerError(kind, `the boot server at ${config.url} cannot be reached (${why})`));
    };
    request.on("error", fail);
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", fail);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.end(payload);
  });
}

function refusal(url: string, { status, text }: Raw): string {
  const parsed = problems.safeParse(json(text));
  if (!parsed.success) return `the boot server at ${url} answers ${status}`;
  return `the boot server at ${url} refuses: ${parsed.data.problems.map(formatProblem).join("; ")}`;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
