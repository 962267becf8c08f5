/** A declared cluster whose versions change, and the machines that run the old ones. */
import { installerImage } from "../../components/boot/assets";
import { schematicId } from "../../components/boot/schematic";
import type {
  ClusterReleaseInputs,
  ClusterReleaseOutputs,
  UpgradeSettings,
} from "../../components/talos/ClusterRelease";
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { type FakeCluster, merge, SECRET } from "./cluster";
import { type Heard, listen } from "./context";
import { machines, site } from "./release";

const SCHEMATIC = schematicId({});
export const OTHER_SCHEMATIC = schematicId({ extensions: ["siderolabs/iscsi-tools"] });

export interface Versions {
  readonly talos: string;
  readonly kubernetes: string;
  readonly schematic?: string;
}

/** A site with these versions, as the components render it: images in the configurations, a store for snapshots. */
export function versioned(
  { talos, kubernetes, schematic = SCHEMATIC }: Versions,
  settings: { readonly workers?: number; readonly planes?: number; readonly upgrade?: UpgradeSettings } = {},
): ClusterReleaseInputs {
  const base = site();
  const { planes = 3, workers = 2 } = settings;
  const kept = Object.entries(base.nodes).filter(([key, { type }]) => {
    return Number(key.split("-")[1]) <= (type === "worker" ? workers : planes);
  });
  const role = (text: string | undefined): string =>
    JSON.stringify(
      merge(JSON.parse(text ?? "{}"), { machine: { kubelet: { image: `ghcr.io/siderolabs/kubelet:${kubernetes}` } } }),
    );
  return {
    ...base,
    configuration: { controlplane: role(base.configuration.controlplane), worker: role(base.configuration.worker) },
    nodes: Object.fromEntries(
      kept.map(([key, node]) => [
        key,
        {
          ...node,
          talos,
          kubernetes,
          schematic,
          patches: [
            ...node.patches,
            JSON.stringify({ machine: { install: { image: installerImage({ schematic, version: talos }) } } }),
          ],
        },
      ]),
    ),
    timeouts: { etcd: "1s", ready: "1s", upgrade: "1s", drain: "1s" },
    backup: { store: { path: "/mnt/backup" }, recipients: [], keep: 7 },
    ...(settings.upgrade !== undefined && { upgrade: settings.upgrade }),
  };
}

/** A cluster that runs `from` and is known to its state. */
export class Trial {
  readonly cluster: FakeCluster;
  state: { readonly inputs: ClusterReleaseInputs; readonly outputs: ClusterReleaseOutputs };

  private constructor(inputs: ClusterReleaseInputs, cluster: FakeCluster, outputs: ClusterReleaseOutputs) {
    this.cluster = cluster;
    this.state = { inputs, outputs };
  }

  static async of(inputs: ClusterReleaseInputs): Promise<Trial> {
    const cluster = machines(inputs);
    for (const node of cluster.nodes.values()) {
      const declared = inputs.nodes[node.key];
      if (declared === undefined) continue;
      const role = declared.type === "worker" ? inputs.configuration.worker : inputs.configuration.controlplane;
      const configuration = declared.patches.map((text) => JSON.parse(text)).reduce(merge, JSON.parse(role ?? "{}"));
      Object.assign(node, {
        talos: declared.talos,
        kubelet: declared.kubernetes,
        schematic: declared.schematic,
        configuration: JSON.stringify(configuration),
      });
    }
    const { outputs } = await clusterRelease(cluster.drivers).create(inputs, listen().context);
    cluster.upgrades.calls = 0;
    return new Trial(inputs, cluster, outputs);
  }

  /** One `up` that ends, with its outputs in the state as the engine keeps them. */
  async up(wanted: ClusterReleaseInputs, heard: Heard = listen([SECRET])): Promise<readonly string[]> {
    const reached = await clusterRelease(this.cluster.drivers).update("demo", this.state, wanted, heard.context);
    this.state = { inputs: wanted, outputs: reached.outputs };
    return reached.failures ?? [];
  }

  /** One `up` that is killed before a driver call: the engine hears nothing, the state stays. Whether it came so far. */
  async killed(wanted: ClusterReleaseInputs, at: number): Promise<boolean> {
    const { upgrades } = this.cluster;
    const heard = listen();
    let died = false;
    upgrades.calls = 0;
    upgrades.killAt = at;
    upgrades.onKilled = () => {
      died = true;
      heard.abort("killed");
    };
    await clusterRelease(this.cluster.drivers)
      .update("demo", this.state, wanted, heard.context)
      .catch(() => undefined);
    upgrades.killAt = undefined;
    upgrades.calls = 0;
    this.cluster.lease = undefined;
    return died;
  }

  /** What a change shows and refuses, without making it. */
  async preview(wanted: ClusterReleaseInputs): Promise<{ lines: readonly string[]; refusal: string }> {
    const heard = listen([SECRET]);
    const resource = clusterRelease(this.cluster.drivers);
    const refusal = await Promise.resolve()
      .then(() => resource.diff(this.state, wanted, heard.context))
      .then(
        () => "",
        (error: Error) => error.message,
      );
    return { lines: heard.lines, refusal };
  }

  get acts(): readonly string[] {
    return this.cluster.upgrades.acts;
  }

  get journal(): readonly string[] {
    return this.state.outputs.journal.map(({ node, action, result }) => `${node} ${action} ${result}`);
  }
}
