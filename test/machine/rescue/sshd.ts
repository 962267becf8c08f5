/**
 * An SSH server on loopback in front of a machine in a rescue system: one key may enter, and every command is run. With
 * `any` every key may, as somebody else makes it, and is noted.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import { Server, utils } from "ssh2";
import type { RescueMachine } from "./machine";

export class RescueSsh {
  readonly privateKey: string;
  /** Public keys that entered, as `ssh-ed25519 AAAA…`. */
  readonly entered = new Set<string>();
  private readonly server: Server;
  private readonly running = new Set<ChildProcess>();

  constructor(machine: RescueMachine, any = false) {
    const pair = utils.generateKeyPairSync("ed25519");
    this.privateKey = pair.private;
    this.server = new Server({ hostKeys: [utils.generateKeyPairSync("ed25519").private] }, (client) => {
      client.on("authentication", (context) => {
        if (context.method !== "publickey") return context.reject(["publickey"]);
        const shown = `${context.key.algo} ${context.key.data.toString("base64")}`;
        const allowed = utils.parseKey(any ? shown : pair.public);
        if (allowed instanceof Error || !context.key.data.equals(allowed.getPublicSSH())) {
          return context.reject(["publickey"]);
        }
        const { signature, blob, hashAlgo } = context;
        if (signature !== undefined && blob !== undefined && !allowed.verify(blob, signature, hashAlgo)) {
          return context.reject();
        }
        this.entered.add(shown);
        context.accept();
      });
      // As with a real one: a connection that breaks takes its processes with it.
      const own = new Set<ChildProcess>();
      client.on("error", () => undefined);
      client.on("close", () => {
        for (const child of own) this.end(child);
      });
      client.on("session", (accept) => {
        accept().on("exec", (acceptExec, _reject, { command }) => {
          const channel = acceptExec();
          const child = spawn("sh", ["-c", command], { env: machine.environment, detached: true });
          this.running.add(child);
          own.add(child);
          child.stdout.on("data", (text) => channel.write(text));
          child.stderr.on("data", (text) => channel.stderr.write(text));
          child.on("close", (code) => {
            this.running.delete(child);
            channel.exit(code ?? 255);
            channel.end();
          });
        });
      });
    });
  }

  /** Processes of commands that still run. */
  get commands(): number {
    return this.running.size;
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const child of this.running) this.end(child);
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private end(child: ChildProcess): void {
    if (child.pid === undefined || !this.running.has(child)) return;
    try {
      process.kill(-child.pid, "SIGHUP");
    } catch {
      // It has just ended by itself.
    }
  }
}
