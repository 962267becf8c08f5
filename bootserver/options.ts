/** Options of `plinth boot serve` as a person gives them, checked all at once. */
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { DiskBoot } from "../components/boot/intent";
import { trustedKeys } from "../components/boot/permission";
import { type Problem, refuse } from "../components/problem";
import type { BootServerOptions, Place } from "./server";

export interface ServeFlags {
  readonly machines: string;
  readonly operators: string;
  readonly state: string;
  readonly trust: string;
  readonly url?: string;
  readonly configurationUrl?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tokenFile?: string;
  readonly images?: string;
  readonly log?: string;
  readonly diskBoot: DiskBoot;
}

/** @throws ProblemError with everything that is wrong */
export async function serveOptions(flags: ServeFlags, env: NodeJS.ProcessEnv): Promise<BootServerOptions> {
  const problems: Problem[] = [];
  const wrong = (path: string, reason: string, fix: string): undefined => {
    problems.push({ path, reason, fix });
  };
  const file = (path: string, name: string | undefined): string | undefined => {
    if (name === undefined) return undefined;
    try {
      return readFileSync(name, "utf8");
    } catch (error) {
      return wrong(path, (error as Error).message, "name a file that you may read");
    }
  };
  const place = (path: string, text: string): Place | undefined =>
    placeOf(text) ??
    wrong(path, `"${text}" is not an address and a port`, "write it as 10.0.0.2:8080 or [fd00::2]:8080");
  const url = (path: string, text: string | undefined, scheme: string): string | undefined => {
    if (text === undefined) return undefined;
    if (URL.canParse(text) && new RegExp(`^${scheme}://[A-Za-z0-9.:[\\]-]+$`).test(text)) return text;
    return wrong(path, `"${text}" is no plain URL of this server`, `write it as ${scheme}://boot.example.org:8080`);
  };

  const machines = place("--machines", flags.machines);
  const operators = place("--operators", flags.operators);
  const cert = file("--tls-cert", flags.tlsCert);
  const key = file("--tls-key", flags.tlsKey);
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined)) {
    wrong("--tls-cert", "certificate and key belong together", "give both --tls-cert and --tls-key");
  } else if (operators !== undefined && flags.tlsCert === undefined && !isLoopback(operators.host)) {
    wrong("--operators", `${operators.host} is reached from outside without TLS`, "give --tls-cert and --tls-key");
  }
  if (flags.configurationUrl !== undefined && flags.tlsCert === undefined) {
    wrong("--configuration-url", "machine configurations are served over TLS alone", "give --tls-cert and --tls-key");
  }
  const token = (file("--token-file", flags.tokenFile) ?? env.PLINTH_BOOT_TOKEN ?? "").trim();
  if (token.length < 16) {
    wrong(
      "--token-file",
      "there is no token of 16 letters or more",
      "name a file that holds one, or set PLINTH_BOOT_TOKEN",
    );
  }
  const pem = file("--trust", flags.trust);
  const keys = await trustedKeys(pem ?? "").catch((error: Error) => {
    if (pem !== undefined) wrong("--trust", error.message, "give the public key that `plinth boot key` prints");
  });
  if (flags.images !== undefined && !existsSync(flags.images)) {
    wrong("--images", `${flags.images} is not there`, "make it with `plinth media build`");
  }
  const plainUrl = url("--url", flags.url, "https?");
  const configurationUrl = url("--configuration-url", flags.configurationUrl, "https");
  refuse("The boot server does not start:", problems);
  if (machines === undefined || operators === undefined || !keys) throw new Error("unreachable: each has a problem");
  const { images, log, state, diskBoot } = flags;
  return {
    machines,
    operators: { ...operators, ...(cert !== undefined && key !== undefined && { tls: { cert, key } }) },
    state,
    keys,
    token,
    diskBoot,
    ...(plainUrl !== undefined && { url: plainUrl }),
    ...(configurationUrl !== undefined && { configurationUrl }),
    ...(images !== undefined && { images }),
    ...(log !== undefined && { log }),
  };
}

function placeOf(text: string): Place | undefined {
  const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  return isIP(bare) !== 0 && Number(port) <= 65_535 ? { host: bare, port: Number(port) } : undefined;
}

const isLoopback = (host: string): boolean => host.startsWith("127.") || host === "::1";
