import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Permission } from "../components/boot/intent";
import { generateSigningKey, signPermission } from "../components/boot/permission";
import { packageRoot } from "../components/discovery";
import type { Ticker } from "../lab/ticker";
import { bootServer } from "../provider/boot/client";
import { median, type Row, round } from "./row";

const MACHINES = 1000;
const ROUNDS = 5;
const TOKEN = "a-token-for-the-bench-only";

/**
 * A rack hall after a power cut: 1,000 machines ask at the same moment, each on a connection of its own, half of them
 * with an installation to lease, which is on the disk before its answer. Times are those of the machines, from the
 * first packet to the last.
 */
export async function measureBoot(ticker: Ticker): Promise<Row[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "plinth-bench-boot-"));
  const server = await start(folder);
  try {
    const rounds: { readonly p50: number; readonly p99: number; readonly cpu: number }[] = [];
    await ticker.during(
      () => `${MACHINES} machines boot at once: round ${rounds.length} of ${ROUNDS}`,
      async () => {
        for (let round = 0; round <= ROUNDS; round++) {
          await grantHalf(server, round);
          const before = cpuMs(server.pid);
          const times = await Promise.all(Array.from({ length: MACHINES }, (_, machine) => ask(server.url, machine)));
          times.sort((a, b) => a - b);
          const at = (part: number) => times[Math.floor(part * times.length)] ?? Number.NaN;
          if (round > 0) rounds.push({ p50: at(0.5), p99: at(0.99), cpu: cpuMs(server.pid) - before });
        }
      },
    );
    const memory = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1];
    return [
      { name: `boot/${MACHINES}-at-once/p50`, value: round(median(rounds.map(({ p50 }) => p50))), unit: "ms" },
      { name: `boot/${MACHINES}-at-once/p99`, value: round(median(rounds.map(({ p99 }) => p99))), unit: "ms" },
      // What of it is the server's own work, whatever else the computer does.
      { name: `boot/${MACHINES}-at-once/cpu`, value: median(rounds.map(({ cpu }) => cpu)), unit: "ms" },
      { name: `boot/${MACHINES}-at-once/memory`, value: Math.round(Number(memory) / 1024), unit: "MiB" },
    ];
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Processor time of a process, in milliseconds; the kernel counts in hundredths of a second. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

interface Server {
  readonly pid: number;
  readonly url: URL;
  readonly operatorsUrl: string;
  readonly key: string;
  readonly stop: () => Promise<void>;
}

function start(folder: string): Promise<Server> {
  const { privateKey: key, publicKey } = generateSigningKey();
  const trust = path.join(folder, "trust.pem");
  writeFileSync(trust, publicKey);
  const places = ["--machines", "127.0.0.1:0", "--operators", "127.0.0.1:0"];
  const files = ["--state", folder, "--trust", trust, "--log", path.join(folder, "log")];
  const args = [path.join(packageRoot, "dist/cli/main.js"), "boot", "serve", ...places, ...files];
  const env = { ...process.env, PLINTH_BOOT_TOKEN: TOKEN };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = () => {
    child.kill("SIGTERM");
    return ended;
  };
  return new Promise((resolve, reject) => {
    let said = "";
    child.once("exit", () => reject(new Error(`the boot server did not start: ${said}`)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const [, url, operatorsUrl] = /machines ask at (\S+)\/boot\.ipxe, operators at (\S+)/.exec(said) ?? [];
      if (url && operatorsUrl && child.pid) resolve({ pid: child.pid, url: new URL(url), operatorsUrl, key, stop });
    });
  });
}

const hex = (machine: number): string => machine.toString(16).padStart(4, "0");
const macOf = (machine: number): string => `52:54:00:00:${hex(machine).slice(0, 2)}:${hex(machine).slice(2)}`;
const uuidOf = (machine: number): string => `4c4c4544-0051-3010-8052-b4c04f4d${hex(machine)}`;

async function grantHalf({ operatorsUrl, key }: Server, round: number): Promise<void> {
  const client = bootServer({ url: operatorsUrl, token: TOKEN });
  const { session } = await client.about(AbortSignal.timeout(10_000));
  for (let machine = 0; machine < MACHINES; machine += 2) {
    const permission: Permission = {
      mac: macOf(machine),
      uuid: uuidOf(machine),
      action: "install",
      generation: round + 1,
      image: { arch: "amd64", kernel: "http://127.0.0.1/kernel", initramfs: "http://127.0.0.1/initramfs", args: [] },
      diskBoot: "exit",
      issued: Date.now(),
      expires: Date.now() + 3_600_000,
    };
    await client.grant(await signPermission(permission, session, key), undefined);
  }
}

/** Milliseconds until a machine has its whole answer. */
function ask(url: URL, machine: number): Promise<number> {
  const query = `mac=${macOf(machine).replaceAll(":", "-")}&uuid=${uuidOf(machine)}&arch=x86_64`;
  const expected = machine % 2 === 0 ? "talos.halt_if_installed=1" : "exit";
  return new Promise((resolve, reject) => {
    let text = "";
    let began = 0;
    const socket = connect(Number(url.port), url.hostname, () => {
      began = performance.now();
      socket.write(`GET /ipxe?${query} HTTP/1.1\r\nHost: boot\r\nConnection: close\r\n\r\n`);
    });
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("end", () => {
      if (text.includes(expected)) resolve(performance.now() - began);
      else reject(new Error(`machine ${machine} was told: ${text}`));
    });
  });
}
