import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { ROOT } from "./site";

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run lab -- --instance <instance> …` as a person would; `whileRunning` gets the process. */
export function lab(
  instance: string,
  args: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly whileRunning?: (pid: number, stderr: () => string) => void;
  } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [path.join(ROOT, "lab/start.mjs"), "--instance", instance, ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  if (child.pid !== undefined) options.whileRunning?.(child.pid, () => stderr);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** {@link lab}, which must succeed; returns its standard output. */
export async function mustLab(instance: string, ...args: readonly string[]): Promise<string> {
  const ended = await lab(instance, args);
  if (ended.code !== 0)
    throw new Error(`lab ${args.join(" ")} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

/** A stack file of its own that a test edits between runs. */
export class StackFile {
  private readonly folder = mkdtempSync(path.join(tmpdir(), "plinth-site-"));
  readonly path = path.join(this.folder, "Pulumi.lab.yaml");
  // biome-ignore lint/suspicious/noExplicitAny: tests edit it as a person edits text
  private content: any;

  constructor(env = "lab") {
    this.content = parse(readFileSync(path.join(ROOT, `stacks/Pulumi.${env}.yaml`), "utf8"));
    this.save();
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests edit it as a person edits text
  edit(change: (site: any) => void): void {
    change(this.content.config["plinth:site"]);
    this.save();
  }

  /** Sets a value of the stack's configuration beside the site. */
  set(key: string, value: string): void {
    this.content.config[key] = value;
    this.save();
  }

  /** Takes over what another program has written into the file. */
  read(): void {
    this.content = parse(readFileSync(this.path, "utf8"));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private save(): void {
    writeFileSync(this.path, stringify(this.content));
  }
}
