import { request } from "node:http";
import { z } from "zod";

/** What the rig tells about itself. */
const statusSchema = z.object({
  machines: z.array(
    z.object({
      name: z.string(),
      address: z.string(),
      power: z.enum(["on", "off"]),
      stage: z.string(),
      talos: z.string().default(""),
      slot: z.string().default(""),
      pending: z.string().default(""),
      bootId: z.string().default(""),
      hostname: z.string().default(""),
      type: z.string().default(""),
      installed: z.boolean().default(false),
      installs: z.number().default(0),
      faults: z.array(z.object({ fault: z.string() }).transform(({ fault }) => fault)).nullish(),
      processes: z.array(z.object({ name: z.string(), pid: z.number() })).nullish(),
    }),
  ),
  clusters: z
    .array(
      z.object({
        name: z.string(),
        endpoint: z.string().default(""),
        quorum: z.boolean().default(false),
        apiservers: z.array(z.unknown()).nullish(),
        controllers: z
          .array(
            z.object({
              name: z.string(),
              does: z.string(),
              pods: z.number(),
              ready: z.number(),
              fault: z.string().optional(),
            }),
          )
          .default([]),
      }),
    )
    .nullish(),
  unimplemented: z.array(z.object({ method: z.string(), count: z.number() })).nullish(),
});

/** State of every machine of a rack. */
export type RackStatus = z.output<typeof statusSchema>;

/** The rig answered, and the answer was no. */
export class RackRefusal extends Error {}

/** Control of a running rig over its socket. */
export class RackControl {
  constructor(private readonly socket: string) {}

  async status(): Promise<RackStatus> {
    return statusSchema.parse(JSON.parse(await this.call("GET", "/status")));
  }

  async power(machine: string, state: "on" | "off" | "cycle"): Promise<void> {
    await this.call("POST", `/machines/${encodeURIComponent(machine)}/power`, { state });
  }

  /** Gives a machine fresh, empty disks and boots it from its medium. */
  async wipe(machine: string): Promise<void> {
    await this.call("POST", `/machines/${encodeURIComponent(machine)}/wipe`);
  }

  /** Breaks a machine in a named way until it is mended. */
  async fault(machine: string, fault: string, args: Readonly<Record<string, string | number>>): Promise<void> {
    await this.call("POST", `/machines/${encodeURIComponent(machine)}/faults`, { fault, ...args });
  }

  /** Mends one fault of a machine, or all of them. */
  async mend(machine: string, fault?: string): Promise<void> {
    const one = fault === undefined ? "" : `/${encodeURIComponent(fault)}`;
    await this.call("DELETE", `/machines/${encodeURIComponent(machine)}/faults${one}`);
  }

  /** Breaks the program in a controller's pods, or mends it with an empty fault. */
  async breakController(controller: string, fault: string): Promise<void> {
    await this.call("PUT", `/controllers/${encodeURIComponent(controller)}/fault`, { fault });
  }

  /** Makes the running rack what a rig file says; returns when every machine that is on can be reached. */
  async reload(rigFile: string): Promise<void> {
    await this.call("PUT", "/rig", JSON.parse(rigFile));
  }

  private call(method: string, path: string, body?: unknown): Promise<string> {
    const text = body === undefined ? "" : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          socketPath: this.socket,
          method,
          path,
          headers: { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
          timeout: 30_000,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const answer = Buffer.concat(chunks).toString();
            const ok = response.statusCode !== undefined && response.statusCode < 300;
            if (ok) resolve(answer);
            else reject(new RackRefusal(reasonOf(answer)));
          });
        },
      );
      sent.on("timeout", () => sent.destroy(new Error("the rig does not answer")));
      sent.on("error", reject);
      sent.end(text);
    });
  }
}

/** A refusal is `{"error": "…"}` or plain text. */
function reasonOf(answer: string): string {
  try {
    const { error } = JSON.parse(answer);
    if (typeof error === "string") return error;
  } catch {}
  return answer.trim();
}
