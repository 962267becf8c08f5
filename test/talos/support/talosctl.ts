import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { compareVersions, parseVersion, type Version } from "../../../components/talos/version";

/** A talosctl on this machine. */
export interface Talosctl {
  readonly path: string;
  readonly version: Version;
}

/** The newest talosctl of: PLINTH_TALOSCTL, the tool cache, PATH. Undefined when there is none. */
export function findTalosctl(): Talosctl | undefined {
  const found = candidates().flatMap((path) => {
    if (!existsSync(path)) return [];
    const run = spawnSync(path, ["version", "--client", "--short"], { encoding: "utf8", timeout: 20_000 });
    const version = parseVersion(/v\d+\.\d+\.\d+\S*/.exec(run.stdout ?? "")?.[0] ?? "");
    return version === undefined ? [] : [{ path, version }];
  });
  return found.sort((a, b) => compareVersions(b.version, a.version))[0];
}

function candidates(): readonly string[] {
  const cache = process.env.PLINTH_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "plinth");
  const tools = join(cache, "tools", "talosctl");
  const cached = existsSync(tools) ? readdirSync(tools).map((sum) => join(tools, sum, "talosctl")) : [];
  const path = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "talosctl"));
  return [...(process.env.PLINTH_TALOSCTL === undefined ? [] : [process.env.PLINTH_TALOSCTL]), ...cached, ...path];
}

/** Generated role configurations in a temporary folder, and talosctl's verdict on a patched one. */
export class Workbench {
  private readonly folder = mkdtempSync(join(tmpdir(), "plinth-talos-"));
  private readonly bases = new Map<string, string>();

  constructor(private readonly talosctl: Talosctl) {
    this.run(["gen", "secrets", "-o", join(this.folder, "secrets.yaml")]);
  }

  /** The base configuration of a role under a contract, with the patches applied: the text talosctl makes of it. */
  patched(role: "controlplane" | "worker", contract: string, patches: readonly string[]): string {
    const flags = patches.flatMap((patch, index) => {
      const file = join(this.folder, `patch-${index}.yaml`);
      writeFileSync(file, patch);
      return ["--patch", `@${file}`];
    });
    const out = join(this.folder, "patched.yaml");
    this.run(["machineconfig", "patch", this.base(role, contract), ...flags, "-o", out]);
    return readFileSync(out, "utf8");
  }

  /** Runs `talosctl validate -m metal`; throws with its words when the configuration is refused. */
  validate(configuration: string): void {
    const file = join(this.folder, "validate.yaml");
    writeFileSync(file, configuration);
    this.run(["validate", "-m", "metal", "-c", file]);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private base(role: string, contract: string): string {
    let folder = this.bases.get(contract);
    if (folder === undefined) {
      folder = join(this.folder, contract);
      this.run([
        ...["gen", "config", "lab", "https://10.0.0.10:6443", "-o", folder, "--with-docs=false"],
        ...["--with-examples=false", "--talos-version", contract, "--with-secrets", join(this.folder, "secrets.yaml")],
      ]);
      this.bases.set(contract, folder);
    }
    return join(folder, `${role}.yaml`);
  }

  private run(args: readonly string[]): void {
    const run = spawnSync(this.talosctl.path, args, { encoding: "utf8", timeout: 60_000 });
    if (run.status !== 0) throw new Error(`talosctl ${args.slice(0, 2).join(" ")}: ${run.stderr || run.error}`);
  }
}
