import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

/** Whether images can be put together and run here: Debian's own programs, and a user who may mount. */
export function mayRunImages(): boolean {
  const works = (program: string, ...args: readonly string[]) => spawnSync(program, args).status === 0;
  return works("apt-get", "--version") && works("unshare", "--mount", "mount", "--bind", "/", "/mnt");
}

/** An image whose layers lie over each other in a folder. */
export interface Unpacked {
  readonly root: string;
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
}

/** Unpacks the image of a layout, as a runtime does. */
export function unpackImage(layout: string, into: string): Unpacked {
  const read = (name: string) => JSON.parse(readFileSync(path.join(layout, name), "utf8"));
  const blob = (digest: string) => path.join("blobs", ...digest.split(":"));
  const [image] = read("index.json").manifests as { digest: string }[];
  const { layers, config } = read(blob(image?.digest ?? ""));
  mkdirSync(into);
  for (const { digest } of layers as { digest: string }[])
    execFileSync("tar", ["-xzf", path.join(layout, blob(digest)), "-C", into]);
  const { Entrypoint: entrypoint, Env: env } = read(blob(config.digest)).config;
  return { root: into, entrypoint, env };
}

/** How a container is run. */
export interface Container {
  readonly image: Unpacked;
  /** What is run in the place of the image's entry point. @default - that */
  readonly command?: readonly string[];
  readonly args: readonly string[];
  /** User and group of its process. */
  readonly user: number;
  readonly env: Readonly<Record<string, string>>;
  /** Folders that it sees and may not write to, by their places in it. */
  readonly volumes: Readonly<Record<string, string>>;
}

/** What runs as a cluster runs it: on a root that is read-only, as any user, with no rights to be had. */
const SCRIPT = `set -e
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  mkdir -p "$root$2"; mount --bind "$1" "$root$2"; mount -o remount,bind,ro "$root$2"; shift 2
done
shift
mkdir -p "$root/proc"; mount --rbind /proc "$root/proc"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec="$user:$user" --groups="$user" "$root" "$@"`;

/** Where the programs of the script are, whatever the image says of its own. */
const SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs a container to its end; returns what it said. */
export async function runContainer({ image, command, args, user, env, volumes }: Container): Promise<string> {
  const { root, entrypoint } = image;
  const mounts = Object.entries(volumes).flatMap(([place, folder]) => [folder, place]);
  const whole = [root, String(user), ...mounts, "--", ...(command ?? entrypoint), ...args];
  const own = Object.fromEntries(image.env.map((each) => each.split("=", 2) as [string, string]));
  const { stdout } = await promisify(execFile)("unshare", ["--mount", "sh", "-c", SCRIPT, "container", ...whole], {
    env: { ...own, ...env, PATH: SYSTEM },
    timeout: 120_000,
  });
  return stdout;
}
