/** A machine in a rescue system, as far as a shell script sees it: files are its disks, and nothing is restarted. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

/** What lsblk tells of a disk, beside its path. */
export interface FakeDisk {
  readonly name: string;
  readonly bytes?: number;
  readonly serial?: string;
  readonly wwn?: string;
  readonly rotates?: boolean;
  readonly transport?: string;
  readonly model?: string;
}

const MIB = 2 ** 20;

export class RescueMachine {
  readonly folder = mkdtempSync(path.join(tmpdir(), "plinth-rescue-"));
  private readonly tools = path.join(this.folder, "bin");

  constructor(disks: readonly FakeDisk[]) {
    mkdirSync(this.tools);
    const lines = disks.map(
      ({ name, bytes = 8 * MIB, serial = "", wwn = "", rotates = false, transport = "sata", model = "SIM" }) => {
        writeFileSync(this.disk(name), Buffer.alloc(bytes, 0xa5));
        const fields = { SIZE: bytes, ROTA: rotates ? 1 : 0, TRAN: transport, MODEL: model, SERIAL: serial, WWN: wwn };
        const told = Object.entries({ PATH: this.disk(name), TYPE: "disk", RO: 0, ...fields });
        return told.map(([key, value]) => `${key}="${value}"`).join(" ");
      },
    );
    writeFileSync(path.join(this.folder, "lsblk"), `${lines.join("\n")}\n`);
    this.tool("lsblk", `cat '${this.folder}/lsblk'`);
    this.tool("reboot", `echo reboot >>'${this.folder}/reboots'`);
    this.tool("hostname", "echo rescue");
    this.tool("sleep", "exit 0");
  }

  disk(name: string): string {
    return path.join(this.folder, name);
  }

  bytes(name: string): Buffer {
    return readFileSync(this.disk(name));
  }

  /** Puts a partition of that name into the disk's table. */
  label(name: string, partition: string): void {
    const file = openSync(this.disk(name), "r+");
    writeSync(file, Buffer.from("EFI PART"), 0, 8, 512);
    const text = Buffer.from(partition, "utf16le");
    writeSync(file, text, 0, text.length, 1024 + 56);
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, PATH: `${this.tools}${path.delimiter}${process.env.PATH}` };
  }

  /** Runs a script as an SSH server would; resolves with what it said. */
  run(script: string, shell = "sh"): Promise<{ readonly code: number | null; readonly said: string }> {
    const child = spawn(shell, ["-c", script], { env: this.environment, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    }
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, said }));
    });
  }

  /** Waits for so many restarts, and for no more than those. */
  async restarts(count: number): Promise<number> {
    const file = path.join(this.folder, "reboots");
    const seen = () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0);
    for (let tries = 0; seen() < count && tries < 300; tries++) await new Promise((done) => setTimeout(done, 100));
    return seen();
  }

  /** Takes the folder away; a restart that the script left behind may still write into it. */
  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true, maxRetries: 20 });
  }

  private tool(name: string, text: string): void {
    writeFileSync(path.join(this.tools, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
}

/** A server of one file, which may break off. */
export class ImageServer {
  /** Bytes after which an answer breaks off, one a request; then whole ones. */
  breaks: number[] = [];
  /** Statuses that are answered first. */
  refusals: number[] = [];
  /** Whether an answer stops after its first bytes and never ends. */
  hangs = false;
  readonly ranges: (string | undefined)[] = [];
  private readonly http: Server;

  constructor(public file: Buffer) {
    this.http = createServer((request, response) => {
      const { range } = request.headers;
      this.ranges.push(range);
      const refusal = this.refusals.shift();
      if (refusal !== undefined) {
        response.writeHead(refusal).end();
        return;
      }
      const from = Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
      const rest = this.file.subarray(from);
      response.writeHead(range === undefined ? 200 : 206, {
        "content-length": rest.length,
        ...(range !== undefined && { "content-range": `bytes ${from}-${this.file.length - 1}/${this.file.length}` }),
      });
      if (this.hangs) {
        response.write(rest.subarray(0, 1));
        return;
      }
      const end = this.breaks.shift();
      if (end === undefined) response.end(rest);
      else response.write(rest.subarray(0, end), () => response.destroy());
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.http.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/metal-amd64.raw.xz`;
  }

  async close(): Promise<void> {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}

/** A small disk image: a table of partitions without a configuration, and something that does not pack to nothing. */
export function smallImage(seed = 1): Buffer {
  const image = Buffer.alloc(3 * MIB);
  image.write("EFI PART", 512, "latin1");
  image.write("META", 1024 + 56, "utf16le");
  for (let at = MIB, value = seed; at < 2 * MIB; at += 4) {
    value = (Math.imul(value, 1_103_515_245) + 12_345) >>> 0;
    image.writeUInt32LE(value, at);
  }
  return image;
}
