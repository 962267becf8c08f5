import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { findGo } from "../../lab/build/go";
import type { Recipe } from "../../lab/build/recipes";
import { ensureBuilt } from "../../lab/build/tools";
import { Ticker } from "../../lab/ticker";

const PEBBLE: Recipe = {
  name: "pebble",
  folder: path.join("test", "support", "pebble"),
  binaries: { pebble: "github.com/letsencrypt/pebble/v2/cmd/pebble" },
  stamps: () => ({}),
  ownSources: false,
  spaceGiB: 1,
};

/** What an ACME server is known by, and which DNS it believes. */
export interface AcmeOptions {
  readonly certificate: string;
  readonly key: string;
  /** Authority of the certificate. */
  readonly ca: string;
  /** Address and port that answers by TCP. */
  readonly dns: string;
}

/** A real ACME server on this computer, as a site of its own would run one: it signs what it has itself seen to be so. */
export class AcmeServer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    private readonly ports: readonly [number, number],
    private readonly ca: string,
    private readonly said: () => string,
  ) {}

  /** Builds and starts one; it listens when this returns. */
  static async start({ certificate, key, ca, dns }: AcmeOptions): Promise<AcmeServer> {
    const ticker = new Ticker({ isTTY: false, write: () => true } as unknown as NodeJS.WriteStream);
    const tools = await ensureBuilt(PEBBLE, findGo(), ticker).finally(() => ticker.close());
    const folder = mkdtempSync(path.join(tmpdir(), "plinth-acme-"));
    const ports = [await freePort(), await freePort()] as const;
    const files = { certificate: path.join(folder, "tls.crt"), privateKey: path.join(folder, "tls.key") };
    writeFileSync(files.certificate, certificate);
    writeFileSync(files.privateKey, key, { mode: 0o600 });
    const [listen, manage] = ports.map((port) => `127.0.0.1:${port}`);
    const retryAfter = { authz: 1, order: 1 };
    const pebble = { ...files, listenAddress: listen, managementListenAddress: manage, retryAfter };
    writeFileSync(path.join(folder, "config.json"), JSON.stringify({ pebble }));
    const child = spawn(tools.pebble?.path ?? "", ["-config", path.join(folder, "config.json"), "-dnsserver", dns], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PEBBLE_VA_NOSLEEP: "1" },
    });
    let said = "";
    const server = new AcmeServer(child, folder, ports, ca, () => said);
    await new Promise<void>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`the ACME server ended with ${code}:\n${said}`)));
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding("utf8").on("data", (text: string) => {
          said += text;
          if (said.includes("ACME directory available")) resolve();
        });
      }
    });
    return server;
  }

  /** Where an account begins. */
  get directory(): string {
    return `https://127.0.0.1:${this.ports[0]}/dir`;
  }

  /** Everything it has said so far. */
  get log(): string {
    return this.said();
  }

  /** The root of what it signs, as PEM. */
  root(): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = https.get(
        { host: "127.0.0.1", port: this.ports[1], path: "/roots/0", ca: this.ca, agent: false, timeout: 20_000 },
        (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (text: string) => {
            body += text;
          });
          response.on("end", () => resolve(body));
        },
      );
      request.on("error", reject).on("timeout", () => request.destroy(new Error("the ACME server does not answer")));
    });
  }

  /** Ends it. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.removeAllListeners("exit").once("exit", resolve));
    if (this.child.exitCode === null && this.child.kill()) await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
