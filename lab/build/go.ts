import { spawn, spawnSync } from "node:child_process";
import { freemem } from "node:os";
import { createInterface } from "node:readline";
import semver from "semver";
import { ProblemError } from "../../components/problem";

/** Oldest Go release that the pinned modules build with. */
const OLDEST_GO = "1.26.0";

/** The Go toolchain on PATH. */
export interface Go {
  /** As `go1.26.8`. */
  readonly release: string;
  /** Folder of the build cache, and of downloaded modules. */
  readonly caches: readonly string[];
}

/** Finds Go, or says what to install. */
export function findGo(): Go {
  const asked = spawnSync("go", ["env", "GOVERSION", "GOCACHE", "GOMODCACHE"], { encoding: "utf8" });
  const fix = "install Go 1.26 or newer from https://go.dev/dl and put its bin folder on PATH";
  if (asked.status !== 0) {
    throw new ProblemError("The lab's tools cannot be built.", [{ path: "go", reason: "there is no go on PATH", fix }]);
  }
  const [release = "", ...caches] = asked.stdout.trim().split("\n");
  const plain = semver.coerce(release.replace(/^go/, ""));
  if (plain === null || semver.lt(plain, OLDEST_GO)) {
    throw new ProblemError("The lab's tools cannot be built.", [{ path: "go", reason: `${release} is too old`, fix }]);
  }
  return { release, caches };
}

/** Runs go in a module, hands every line of its output to `onLine`, and returns standard output. */
export function runGo(
  folder: string,
  args: readonly string[],
  options: { readonly temporary: string; readonly onLine: (line: string) => void; readonly signal?: AbortSignal },
): Promise<string> {
  const child = spawn("go", args, {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      CGO_ENABLED: "0",
      GOWORK: "off",
      GOFLAGS: "",
      // Below the cache, so that an interrupted build leaves nothing anywhere else.
      GOTMPDIR: options.temporary,
      TMPDIR: options.temporary,
    },
    ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: "SIGTERM" as const }),
  });
  const output: string[] = [];
  const complaints: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
  const lines = createInterface({ input: child.stderr });
  lines.on("line", (line) => {
    complaints.push(line);
    options.onLine(line);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(output.join("")) : reject(new GoError(complaints))));
  });
}

/** Compilers to run at once: each may take about a GiB. */
export function parallelism(cpus: number): number {
  return Math.max(1, Math.min(cpus, Math.floor(freemem() / 2 ** 30)));
}

/** go ended with an error; `lines` is what it wrote. */
export class GoError extends Error {
  constructor(readonly lines: readonly string[]) {
    // Package names and downloads are progress, not the reason.
    const reasons = lines.filter((line) => /\s/.test(line) && !line.startsWith("go: downloading"));
    super((reasons.length > 0 ? reasons : lines).slice(-15).join("\n"));
  }
}
