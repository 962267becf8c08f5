import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTools, type Tools } from "../../lab/build/tools";
import { Ticker } from "../../lab/ticker";

/** The real etcd and etcdutl; the first run may have to build them. */
export async function etcdTools(): Promise<{ readonly etcd: string; readonly etcdutl: string }> {
  const tools: Tools = await ensureTools(new Ticker(), undefined, ["kubernetes"]);
  const { etcd, etcdutl } = tools;
  if (etcd === undefined || etcdutl === undefined) throw new Error("etcd and etcdutl are part of the recipe");
  return { etcd: etcd.path, etcdutl: etcdutl.path };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** One real etcd member on loopback, spoken to over its JSON gateway. */
export class RealEtcd {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    readonly url: string,
  ) {}

  static async start(binary: string): Promise<RealEtcd> {
    const folder = mkdtempSync(join(tmpdir(), "plinth-etcd-"));
    const [client, peer] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`);
    const child = spawn(
      binary,
      ["--data-dir", folder, "--unsafe-no-fsync", "--log-level", "error"].concat(
        ["--listen-client-urls", String(client), "--advertise-client-urls", String(client)],
        ["--listen-peer-urls", String(peer), "--initial-advertise-peer-urls", String(peer)],
        ["--initial-cluster", `default=${peer}`],
      ),
      { stdio: "ignore" },
    );
    const etcd = new RealEtcd(child, folder, String(client));
    for (let tried = 0; ; tried++) {
      try {
        await etcd.post("kv/put", { key: base64("/first"), value: base64("1") });
        return etcd;
      } catch (error) {
        if (tried > 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async put(key: string, value: string): Promise<void> {
    await this.post("kv/put", { key: base64(key), value: base64(value) });
  }

  /** What `etcdctl snapshot save` writes: the database, and its checksum at the end. */
  async snapshot(): Promise<Buffer> {
    const text = await (await this.post("maintenance/snapshot", {})).text();
    const pieces = text
      .trim()
      .split("\n")
      .map((line) => Buffer.from(JSON.parse(line).result.blob ?? "", "base64"));
    return Buffer.concat(pieces);
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once("close", resolve));
    this.child.kill("SIGKILL");
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async post(path: string, body: object): Promise<Response> {
    const answer = await fetch(`${this.url}/v3/${path}`, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
