import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isStep, type Point, sample } from "../crash/point";
import { type Kill, Trial } from "../crash/trial";
import { cacheRoot } from "../places";
import { rackControl } from "../rack/rack";
import { seconds } from "../ticker";
import { type Range, stackWith, text, type Versions } from "./site";
import { watching } from "./watcher";

/**
 * Kills the engine, or plinth's provider, right before and right after every step of an upgrade, and requires that the next
 * `npm run lab` finishes it: etcd keeps its quorum, each machine boots once, and nothing is left behind.
 *
 * A site goes to and fro between two minors of Talos: one installs and boots in one call, the other in two. Kubernetes has
 * no way back, so each of its trials begins with a cluster of its own. The points are those that a run without a kill
 * passes. `--sample N --seed S` tries N of them, chosen by the seed; `--only TEXT` those that contain a text.
 */
const TALOS = ["v1.12.0", "v1.13.9"] as const;
const KUBERNETES = ["v1.35.4", "v1.36.3"] as const;
const RANGE: Range = { available: { talos: TALOS, kubernetes: KUBERNETES }, contract: "v1.12" };
/** Seconds into Kubernetes' own upgrade, which is one long step of plinth's. */
const INTO_KUBERNETES = [2, 8, 16];

/** One change of versions, and a kill on its way. */
interface Attempt {
  readonly name: string;
  readonly from: Versions;
  readonly to: Versions;
  readonly point: Point;
  readonly kill: Kill;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sample: { type: "string" },
      seed: { type: "string", default: "" },
      only: { type: "string", default: "" },
    },
  });
  const folder = join(cacheRoot(), "kills");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const site = new Site(new Trial("kills", join(folder, "lab.log")), join(folder, "site.yaml"));
  try {
    const attempts = await enumerate(site);
    const names = attempts.map(({ name }) => name).filter((name) => name.includes(values.only));
    const chosen = values.sample === undefined ? names : sample(names, Number(values.sample), values.seed);
    console.log(`${attempts.length} kills of an upgrade, ${chosen.length} of them tried; output in ${folder}/lab.log`);
    const failed: string[] = [];
    for (const attempt of inOrder(attempts.filter(({ name }) => chosen.includes(name)))) {
      const begun = Date.now();
      const wrong = await site.attempt(attempt).catch((error: Error) => [error.message]);
      console.log(`${wrong.length === 0 ? "ok    " : "FAILED"} ${attempt.name} (${seconds(Date.now() - begun)})`);
      for (const reason of wrong) console.log(`       ${reason}`);
      if (wrong.length > 0) {
        failed.push(attempt.name);
        await site.forget();
      }
    }
    console.log(`kills: ${chosen.length - failed.length} passed, ${failed.length} failed`);
    if (failed.length > 0) process.exitCode = 1;
  } finally {
    await site.forget();
  }
}

/** Every kill there is, by what runs without one pass. */
async function enumerate(site: Site): Promise<readonly Attempt[]> {
  const [old, next] = TALOS.map((talos) => ({ talos, kubernetes: KUBERNETES[0] })) as [Versions, Versions];
  const attempts: Attempt[] = [];
  for (const [from, to] of [
    [old, next],
    [next, old],
  ] as const) {
    await site.reach(from);
    for (const point of (await site.change(to)).filter(isStep)) {
      for (const whom of ["engine", "provider"] as const) attempts.push(attempt(from, to, point, { whom }));
    }
  }
  const [from, to] = [next, { ...next, kubernetes: KUBERNETES[1] }];
  await site.reach(from);
  const point = (await site.change(to)).find((each) => each.startsWith("driver begin talos upgradeKubernetes"));
  if (point === undefined) throw new Error("Kubernetes' own upgrade was not made");
  for (const whom of ["engine", "provider"] as const) {
    for (const after of INTO_KUBERNETES) attempts.push(attempt(from, to, point, { whom, seconds: after }));
  }
  return attempts;
}

function attempt(from: Versions, to: Versions, point: Point, kill: Kill): Attempt {
  const { whom = "engine", seconds: after = 0 } = kill;
  const way = from.talos === to.talos ? `Kubernetes ${to.kubernetes}` : `Talos ${to.talos}`;
  const place = point.replace(/^driver /, "");
  return {
    name: `${way}: ${whom} at ${place}${after === 0 ? "" : ` + ${after} s`}`,
    from,
    to,
    point,
    kill,
  };
}

/** To and fro in turn, so that one cluster serves them all; those of Kubernetes last. */
function inOrder(attempts: readonly Attempt[]): readonly Attempt[] {
  const of = (talos: string) => attempts.filter(({ from, to }) => from.talos !== to.talos && to.talos === talos);
  const [there, back] = [of(TALOS[1]), of(TALOS[0])];
  const turns = Array.from({ length: Math.max(there.length, back.length) }, (_, place) => [there[place], back[place]]);
  return [
    ...turns.flat().filter((each) => each !== undefined),
    ...attempts.filter(({ from, to }) => from.talos === to.talos),
  ];
}

/** The lab instance, and what it has come to. */
class Site {
  private at: Versions | undefined;

  constructor(
    private readonly trial: Trial,
    private readonly file: string,
  ) {}

  /** Brings the site to versions that it can be at, with a cluster of its own if there is no way there. */
  async reach(versions: Versions): Promise<void> {
    if (this.at !== undefined && text(this.at) === text(versions)) return;
    if (this.at === undefined || this.at.kubernetes !== versions.kubernetes) await this.forget();
    await this.trial.lab("up", "--site", this.declare(versions));
    this.at = versions;
  }

  /** Changes the versions; returns the points passed. */
  async change(versions: Versions): Promise<readonly Point[]> {
    const { passed } = await this.trial.crash(this.declare(versions));
    this.at = versions;
    return passed;
  }

  /** What was not as it should be; empty if all was. */
  async attempt({ from, to, point, kill }: Attempt): Promise<string[]> {
    await this.reach(from);
    const [killed, { boots, quorumLost }] = await watching(rackControl(this.trial.instance), async () => {
      const crashed = await this.trial.crash(this.declare(to), point, kill);
      await this.trial.finish(this.file);
      return crashed.killed;
    });
    this.at = to;
    const reboots = from.talos === to.talos ? 0 : 1;
    const odd = Object.entries(boots).filter(([, times]) => times !== reboots);
    return [
      ...(killed ? [] : ["the run ended before it passed this point"]),
      ...odd.map(([name, times]) => `${name} booted ${times} times instead of ${reboots}`),
      ...(quorumLost.length > 0 ? [`etcd had no quorum at ${quorumLost[0]}`] : []),
    ];
  }

  async forget(): Promise<void> {
    this.at = undefined;
    await this.trial.lab("reset");
  }

  private declare(versions: Versions): string {
    writeFileSync(this.file, stackWith(versions, RANGE));
    return this.file;
  }
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
