/** Runs an official tool, talosctl or etcdutl: bounded in time and output, secrets by descriptor, no child left behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { openSecret } from "./secretfile";
import { TalosError } from "./talos";

export interface Invocation {
  /** The node the call is about, for its error; empty for calls that need none. */
  readonly node: string;
  /** Arguments; `secretPath(n)` of {@link secretPath} stands for the nth secret. */
  readonly args: readonly string[];
  readonly secrets: readonly string[];
  /** Open files handed to the child after the secrets: the first is `secretPath(secrets.length)`. @default - none */
  readonly files?: readonly number[];
  readonly seconds: number;
  readonly signal?: AbortSignal;
  /** Hears every whole line of the child's output as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** More than any configuration or table; a runaway child is cut off. */
const OUTPUT_BYTES = 32 << 20;
const FIRST_SECRET = 3;
const running = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Path under which the child reads the nth secret of the invocation. */
export function secretPath(index: number): string {
  return `/dev/fd/${FIRST_SECRET + index}`;
}

/** The etcdutl to use: `PLINTH_ETCDUTL`, else the one on PATH. */
export function etcdutlBinary(env: NodeJS.ProcessEnv = process.env): string {
  return env.PLINTH_ETCDUTL ?? "etcdutl";
}

/** The talosctl to use: `PLINTH_TALOSCTL`, else the one on PATH. */
export function talosctlBinary(env: NodeJS.ProcessEnv = process.env): string {
  return env.PLINTH_TALOSCTL ?? "talosctl";
}

/** Version of the talosctl to use, as it says itself; `undefined` if there is none that says. */
export async function talosctlVersion(signal: AbortSignal): Promise<string | undefined> {
  try {
    const args = ["version", "--client", "--short"];
    const { stdout } = await run(talosctlBinary(), { node: "", args, secrets: [], seconds: 10, signal });
    return /^Talos (v\S+)/m.exec(stdout)?.[1];
  } catch (error) {
    if (error instanceof TalosError) return undefined;
    throw error;
  }
}

export async function run(binary: string, invocation: Invocation): Promise<Output> {
  invocation.signal?.throwIfAborted();
  const descriptors = invocation.secrets.map(openSecret);
  try {
    return await finished(binary, invocation, [...descriptors, ...(invocation.files ?? [])]);
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

function finished(binary: string, invocation: Invocation, descriptors: readonly number[]): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, invocation.args, {
      stdio: ["ignore", "pipe", "pipe", ...descriptors],
      // No configuration of the person who runs it: only what is passed here.
      env: { PATH: process.env.PATH, HOME: "/nonexistent", TALOSCONFIG: "" },
    });
    running.add(child);
    const end = new Gathered(child, invocation.onLine);
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      end.late = true;
    }, invocation.seconds * 1000);
    const onAbort = (): void => {
      child.kill("SIGKILL");
    };
    invocation.signal?.addEventListener("abort", onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      invocation.signal?.removeEventListener("abort", onAbort);
      running.delete(child);
    };
    child.on("error", (error: NodeJS.ErrnoException) => {
      settle();
      const missing = error.code === "ENOENT";
      const tool = binary === etcdutlBinary() ? "etcdutl" : "talosctl";
      const fix = `install ${tool} and put it on PATH, or name it in PLINTH_${tool.toUpperCase()}`;
      reject(
        new TalosError(
          "tool",
          invocation.node,
          missing ? `there is no ${binary} (${fix})` : `${binary}: ${error.message}`,
        ),
      );
    });
    child.on("close", (code) => {
      settle();
      if (invocation.signal?.aborted) reject(invocation.signal.reason);
      else if (end.late) {
        reject(new TalosError("unreachable", invocation.node, `no answer within ${invocation.seconds} s`));
      } else resolve({ code: code ?? 1, stdout: end.stdout, stderr: end.stderr });
    });
  });
}

/** What a child has written so far. */
class Gathered {
  stdout = "";
  stderr = "";
  late = false;

  constructor(child: ChildProcess, onLine?: (line: string) => void) {
    const gather = (stream: "stdout" | "stderr") => (chunk: string) => {
      const begun = this[stream].lastIndexOf("\n") + 1;
      this[stream] += chunk;
      if (onLine !== undefined) for (const line of this[stream].slice(begun).split("\n").slice(0, -1)) onLine(line);
      if (this.stdout.length + this.stderr.length > OUTPUT_BYTES) child.kill("SIGKILL");
    };
    child.stdout?.setEncoding("utf8").on("data", gather("stdout"));
    child.stderr?.setEncoding("utf8").on("data", gather("stderr"));
  }
}
