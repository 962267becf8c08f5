/**
 * `plinth:kubernetes:settleRelease`: what a Helm release needs around Helm so that a killed run is taken up again.
 *
 * Helm notes that it works at a release, and refuses every further work while that note is there; a program that was
 * killed leaves it there for good. And a release that Helm has finished is unknown to a stack whose engine was killed
 * before it wrote its state. Only Helm's notes are taken away here, never an object: Helm takes over the objects that
 * carry the name of the release.
 */
import { z } from "zod";
import { type ReleaseTurn, releaseDescription, SETTLE_RELEASE } from "../../components/functions";
import { ProblemError } from "../../components/problem";
import type { ProviderFunction } from "../function";
import { bootId } from "../process";
import type { Context } from "../resource";
import { whoAmI } from "../user";
import { WaitTimeout, waitFor } from "../wait";
import type { ObjectRef, Objects, PlatformDrivers } from "./ports";
import { isPending, type RecordHead, type RecordText, recordText, releaseRecords } from "./records";

/** How much longer than it waits for workloads Helm may take for everything else, in seconds. */
const MARGIN = 60;
/** Bound of everything but the wait for a Helm that is at work, in seconds. */
const CALLS = 120;
/** Bound of fetching an archive, in seconds. */
const FETCH = 200;

/** Drivers of a settlement, beside those of the platform. */
export interface SettleDrivers extends Pick<PlatformDrivers, "objects" | "charts" | "pollMs"> {
  /** Whether an earlier engine's plugin that runs Helm is still alive on this host; `undefined` if that cannot be seen. */
  readonly helmRuns: () => boolean | undefined;
}

export function settleRelease(drivers: SettleDrivers): ProviderFunction<ReleaseTurn> {
  return {
    token: SETTLE_RELEASE,
    inputs: z.strictObject({
      kubeconfig: z.string().min(1),
      moment: z.enum(["install", "upgrade", "installed", "upgraded"]),
      namespace: z.string().min(1),
      name: z.string().min(1),
      owner: z.string().min(1),
      seconds: z.int().min(1),
      urn: z.string().min(1),
      archive: z
        .strictObject({
          chart: z.string().min(1),
          repository: z.string().min(1).optional(),
          version: z.string().min(1),
          digest: z.string().min(1).optional(),
        })
        .optional(),
    }),
    secrets: ["kubeconfig"],
    seconds: ({ seconds, archive }) => seconds + MARGIN + CALLS + (archive === undefined ? 0 : FETCH),
    about: ({ urn }) => urn,
    async call(turn, context) {
      await checkArchive(drivers, turn, context);
      const settlement = new Settlement(drivers, turn, context);
      if (turn.moment === "install") await settlement.beforeInstall();
      else if (turn.moment === "upgrade") await settlement.beforeUpgrade();
      else await settlement.afterwards();
      return {};
    },
  };
}

/** Helm fetches by name and version alone: an archive that is not the pinned one is refused before it begins. */
async function checkArchive({ charts }: SettleDrivers, turn: ReleaseTurn, context: Context): Promise<void> {
  const { moment, archive, name, namespace } = turn;
  if (archive?.digest === undefined || moment === "installed" || moment === "upgraded") return;
  await charts.open({ ...archive, name, mode: "none", release: { name, namespace } }, context.signal);
}

/** Who works at a release, in a ConfigMap beside Helm's records, as long as it takes. */
interface Note {
  readonly uid: string;
  readonly owner: string;
  /** Host and boot that it was written on. */
  readonly place: string;
}

const noteSchema = z.object({
  metadata: z.object({ uid: z.string() }),
  data: z.object({ owner: z.string(), place: z.string() }),
});

class Settlement {
  private readonly objects: Objects;

  constructor(
    private readonly drivers: SettleDrivers,
    private readonly turn: ReleaseTurn,
    private readonly context: Context,
  ) {
    this.objects = drivers.objects(turn.kubeconfig);
  }

  /** The stack does not know the release yet: what is there of it was begun by a killed run, or is somebody else's. */
  async beforeInstall(): Promise<void> {
    const note = await this.note();
    const found = await this.records();
    if (found.length > 0) {
      if (isPending(last(found)) && note?.owner !== this.turn.owner) throw this.refusal(last(found));
      const settled = await this.idle(found, note);
      await this.takeOver(settled, note);
    }
    await this.write();
  }

  /** The stack knows the release: a work at it that nobody does any more is forgotten. */
  async beforeUpgrade(): Promise<void> {
    const found = await this.records();
    const newest = found.at(-1);
    if (newest !== undefined && isPending(newest)) {
      const after = (await this.idle(found, await this.note())).at(-1);
      if (after !== undefined && isPending(after)) {
        this.context.log.warn(
          `revision ${after.revision} was left ${after.status} by a run that was killed: Helm goes on from the last that it finished`,
        );
        await this.forget(after);
      }
    }
    await this.write();
  }

  async afterwards(): Promise<void> {
    const note = await this.note();
    if (note?.owner === this.turn.owner) await this.objects.remove(this.noteRef(), note.uid, this.context.signal);
  }

  /** Takes away the records of a release that this stack has begun. */
  private async takeOver(found: readonly RecordHead[], note: Note | undefined): Promise<void> {
    const newest = found.at(-1);
    if (newest === undefined) return;
    const text = await this.read(newest);
    const ours =
      newest.status === "deployed"
        ? text?.description === releaseDescription(this.turn.owner)
        : note?.owner === this.turn.owner;
    if (!ours) throw this.refusal(newest, text);
    this.context.log.warn(
      `it is there already (${newest.status}), from a run that was killed: Helm installs it anew over what is there`,
    );
    // The newest goes last: it is what says whose the release is.
    for (const record of found) await this.forget(record);
  }

  /**
   * The records when nobody works at the release any more. A plugin can outlive its engine and then brings its work to
   * an end, so that is waited for; where it is certain that there is none, nothing is.
   */
  private async idle(found: readonly RecordHead[], note: Note | undefined): Promise<readonly RecordHead[]> {
    const bound = this.turn.seconds + MARGIN;
    const begun = Math.min(Date.now(), last(found).begun);
    let seen = found;
    const look = async () => {
      seen = await this.records();
      const newest = seen.at(-1);
      if (newest === undefined || !isPending(newest)) return { done: seen };
      if (note?.place === place() && this.drivers.helmRuns() === false) return { done: seen };
      return { missing: `Helm may still be at work at revision ${newest.revision} (${newest.status})` };
    };
    try {
      return await waitFor(
        {
          what: `release ${this.turn.name}`,
          seconds: Math.max(0, Math.ceil((begun + bound * 1000 - Date.now()) / 1000)),
          intervalMs: this.drivers.pollMs,
          signal: this.context.signal,
          progress: this.context.log.progress,
        },
        look,
      );
    } catch (error) {
      // Longer than Helm can take.
      if (error instanceof WaitTimeout) return seen;
      throw error;
    }
  }

  private records(): Promise<readonly RecordHead[]> {
    return releaseRecords(this.objects, this.turn.namespace, this.turn.name, this.context.signal);
  }

  private async read({ secret: name }: RecordHead): Promise<RecordText | undefined> {
    const ref = { apiVersion: "v1", kind: "Secret", namespace: this.turn.namespace, name };
    const secret = await this.objects.get(ref, this.context.signal);
    return secret === undefined ? undefined : recordText(secret);
  }

  private async forget({ secret: name, uid }: RecordHead): Promise<void> {
    const ref = { apiVersion: "v1", kind: "Secret", namespace: this.turn.namespace, name };
    await this.objects.remove(ref, uid, this.context.signal);
  }

  private noteRef(): ObjectRef {
    const { namespace, name } = this.turn;
    return { apiVersion: "v1", kind: "ConfigMap", namespace, name: `plinth-release-${name}` };
  }

  private async note(): Promise<Note | undefined> {
    const found = await this.objects.get(this.noteRef(), this.context.signal);
    const { data: seen } = noteSchema.safeParse(found);
    return seen === undefined ? undefined : { uid: seen.metadata.uid, ...seen.data };
  }

  private async write(): Promise<void> {
    const { apiVersion, kind, namespace = "", name } = this.noteRef();
    const labels = { "app.kubernetes.io/managed-by": "plinth" };
    const data = { owner: this.turn.owner, place: place() };
    await this.objects.apply({ apiVersion, kind, metadata: { name, namespace, labels }, data }, this.context.signal);
  }

  private refusal({ revision, status }: RecordHead, text?: RecordText): ProblemError {
    const { name, namespace, owner } = this.turn;
    const what = text === undefined ? "" : `, ${text.chart}, "${text.description}"`;
    return new ProblemError("a Helm release has the name already", [
      {
        path: `${namespace}/${name}`,
        reason: `is not of the stack ${owner} (revision ${revision}, ${status}${what})`,
        fix: `if nobody needs it, remove it: helm uninstall ${name} --namespace ${namespace}; to keep what it runs, forget the release alone: kubectl delete secret --namespace ${namespace} --selector owner=helm,name=${name}`,
      },
    ]);
  }
}

function last(found: readonly RecordHead[]): RecordHead {
  const newest = found.at(-1);
  if (newest === undefined) throw new Error("unreachable: asked only when there is one");
  return newest;
}

/** This host since its last start: what it does not run now, nothing of it runs. */
function place(): string {
  return `${whoAmI().host} ${bootId()}`;
}
