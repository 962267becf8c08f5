import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { type BootServerOptions, type Running, serveBoot } from "../../bootserver/server";
import type { Permission } from "../../components/boot/intent";
import { generateSigningKey, signPermission, trustedKeys } from "../../components/boot/permission";
import { bootServer } from "../../provider/boot/client";
import { permission } from "../boot/support";

export const TOKEN = "a-token-of-sixteen-letters-or-more";
export const pair = generateSigningKey();

/** A boot server of this process, with what a test asks of it. */
export class TestServer {
  private constructor(
    readonly state: string,
    readonly running: Running,
    private readonly stopping: AbortController,
    private readonly ended: Promise<void>,
  ) {}

  static async start(over: Partial<BootServerOptions> = {}, state = freshFolder()): Promise<TestServer> {
    const stopping = new AbortController();
    const options: BootServerOptions = {
      machines: { host: "127.0.0.1", port: 0 },
      operators: { host: "127.0.0.1", port: 0 },
      state,
      log: path.join(state, "log"),
      keys: await trustedKeys(pair.publicKey),
      token: TOKEN,
      runs: async () => false,
      ...over,
    };
    return new Promise((resolve, reject) => {
      const ended = serveBoot(options, stopping.signal, (running) =>
        resolve(new TestServer(state, running, stopping, ended)),
      );
      ended.catch(reject);
    });
  }

  get client() {
    return bootServer({ url: this.running.operatorsUrl, token: TOKEN });
  }

  async grant(over: Partial<Permission> = {}, configuration?: string) {
    const { session } = await this.client.about(new AbortController().signal);
    return this.client.grant(await signPermission(permission(over), session, pair.privateKey), configuration);
  }

  /** What the machine of {@link permission} is told to boot; `mac` or `uuid` make it another one. */
  async boot({ mac = permission().mac, uuid = permission().uuid, arch = "x86_64" } = {}): Promise<string> {
    return (await this.get(`/ipxe?mac=${mac.replaceAll(":", "-")}&uuid=${uuid}&arch=${arch}`)).body;
  }

  get(where: string): Promise<{ readonly status: number; readonly body: string }> {
    return fetchText(this.running.url + where);
  }

  log(): Record<string, unknown>[] {
    return readFileSync(path.join(this.state, "log"), "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }
}

const folders: string[] = [];

export function freshFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "plinth-boot-"));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** The path goes out as it is written, with all its tricks. */
export function fetchText(url: string): Promise<{ readonly status: number; readonly body: string }> {
  const [, host, port, where] = /^http:\/\/([^:/]+):(\d+)(.*)$/s.exec(url) ?? [];
  return new Promise((resolve, reject) => {
    get({ host, port, path: where, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    }).on("error", reject);
  });
}
