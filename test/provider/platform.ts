/** A Kubernetes API and a shelf of charts in memory, behind the platform's driver interfaces. */
import { createHash } from "node:crypto";
import {
  type ChartArchive,
  ChartError,
  type Charts,
  KubernetesError,
  type KubernetesObject,
  type ObjectRef,
  type Objects,
  type PlatformDrivers,
} from "../../provider/kubernetes/ports";
import { Recorder } from "./faults";

export const KUBECONFIG = "kubeconfig with the client key AAAAB3NzaC1yc2EAAAADAQABAAAB";

type Labels = Readonly<Record<string, string>>;
interface Live extends KubernetesObject {
  readonly metadata: KubernetesObject["metadata"] & { readonly labels: Labels; readonly annotations: Labels };
}

const key = (ref: { apiVersion: string; kind: string; namespace?: string | undefined; name: string }) =>
  `${ref.apiVersion}/${ref.kind}/${ref.namespace ?? ""}/${ref.name}`;

export class FakePlatform {
  readonly recorder = new Recorder(({ name }) => new KubernetesError(0, `${name}: connection refused`));
  readonly live = new Map<string, Live>();
  /** Rendered CRDs of charts by name; a chart that is not here cannot be fetched. */
  readonly shelf = new Map<string, string>();
  helm: string | undefined = "v3.21.0";
  /** CRDs that never become established. */
  readonly stuck = new Set<string>();
  /** What the API refuses, by object name. */
  readonly refused = new Map<string, string>();
  /** Status that controllers have set, by `kind/name`. */
  readonly status = new Map<string, unknown>();
  private uids = 0;

  get drivers(): PlatformDrivers {
    const mutating = new Set(["apply", "strip", "remove"]);
    return {
      objects: () => this.recorder.wrap(this.objects(), mutating),
      charts: { ...this.charts(), open: this.recorder.wrap(this.charts(), mutating).open },
      pollMs: 1,
    };
  }

  /** Everything in the cluster, without what differs between two runs. */
  snapshot(): unknown {
    const byName = (a: Live, b: Live) => (a.metadata.name < b.metadata.name ? -1 : 1);
    return [...this.live.values()]
      .sort(byName)
      .map(({ metadata: { uid: _, generation: __, ...metadata }, ...rest }) => ({
        ...rest,
        metadata,
      }));
  }

  put(object: KubernetesObject): this {
    this.store(object);
    return this;
  }

  private charts(): Charts {
    return {
      open: async ({ name, version, digest: pinned }: ChartArchive) => {
        const crds = this.shelf.get(name);
        if (crds === undefined) throw new ChartError(`${name} cannot be fetched`);
        const digest = `sha256:${createHash("sha256").update(`${name} ${version}`).digest("hex")}`;
        if (pinned !== undefined && pinned !== digest) throw new ChartError(`the archive of ${name} is ${digest}`);
        return { digest, crds };
      },
      helmVersion: async () => this.helm,
    };
  }

  private objects(): Objects {
    return {
      get: async (ref) => this.found(ref),
      list: async ({ apiVersion, kind }, limit) =>
        [...this.live.values()]
          .filter((object) => object.apiVersion === apiVersion && object.kind === kind)
          .slice(0, limit),
      heads: async ({ apiVersion, kind, namespace }, labels) =>
        [...this.live.values()].filter(
          (object) =>
            object.apiVersion === apiVersion &&
            object.kind === kind &&
            object.metadata.namespace === namespace &&
            Object.entries(labels).every(([key, value]) => object.metadata.labels[key] === value),
        ),
      apply: async (object) => this.store(object),
      rehearse: async (object) => this.merged(object),
      strip: async (ref, annotations, labels) => {
        const old = this.live.get(key(ref));
        if (old === undefined) return;
        const keep = (record: Labels, gone: readonly string[]) =>
          Object.fromEntries(Object.entries(record).filter(([name]) => !gone.includes(name)));
        this.live.set(key(ref), {
          ...old,
          metadata: {
            ...old.metadata,
            annotations: keep(old.metadata.annotations, annotations),
            labels: keep(old.metadata.labels, labels),
          },
        });
      },
      remove: async (ref, uid) => {
        if (this.live.get(key(ref))?.metadata.uid === uid) this.live.delete(key(ref));
      },
    };
  }

  private found(ref: ObjectRef): KubernetesObject | undefined {
    const object = this.live.get(key(ref));
    if (object === undefined) return undefined;
    const established = { type: "Established", status: this.stuck.has(ref.name) ? "False" : "True" };
    const status = ref.kind === "CustomResourceDefinition" ? { conditions: [established] } : undefined;
    return { ...object, status: this.status.get(`${ref.kind}/${ref.name}`) ?? status };
  }

  private merged(object: KubernetesObject): Live {
    const { apiVersion, kind, metadata } = object;
    const refusal = this.refused.get(metadata.name);
    if (refusal !== undefined) throw new KubernetesError(422, refusal);
    const old = this.live.get(key({ apiVersion, kind, namespace: metadata.namespace, name: metadata.name }));
    const changed = JSON.stringify(old?.spec) !== JSON.stringify(object.spec);
    return {
      ...old,
      ...object,
      metadata: {
        ...metadata,
        uid: old?.metadata.uid ?? `uid-${this.uids + 1}`,
        generation: (old?.metadata.generation ?? 0) + (changed ? 1 : 0),
        labels: { ...old?.metadata.labels, ...metadata.labels },
        annotations: { ...old?.metadata.annotations, ...metadata.annotations },
      },
    };
  }

  private store(object: KubernetesObject): Live {
    const stored = this.merged(object);
    this.uids++;
    const { apiVersion, kind, metadata } = object;
    this.live.set(key({ apiVersion, kind, namespace: metadata.namespace, name: metadata.name }), stored);
    return stored;
  }
}
