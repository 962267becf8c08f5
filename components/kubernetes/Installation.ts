import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type ChartMirror, chartPin, versions } from "../release/versions";
import { bundledChart, bundledManifest } from "./bundle";
import { Chart, chartMirror } from "./Chart";
import { type BundledChart, CrdBundle } from "./CrdBundle";
import { Gate } from "./Gate";
import type { Checks, PlatformService } from "./service";
import { sortedKeys } from "./values";

/** What every part of a platform is told about the cluster it goes into. */
export interface InstallationArgs {
  /** Admin kubeconfig (secret), for CRDs and gates. A renewed one changes nothing. */
  readonly kubeconfig: pulumi.Input<string>;
  /** Bundle that holds its CRDs already. @default - one of its own */
  readonly crds?: CrdBundle;
  /** Where charts come from instead of their own repositories. @default - `PLINTH_CHARTS_DIR`, else the repository */
  readonly mirror?: ChartMirror;
  /** Kubernetes version that charts are rendered for. Plain. @default - Helm's own */
  readonly kubernetesVersion?: string;
}

/** Inputs of a component for one part of the platform: its own beside those of the cluster. */
export type ServiceArgs<T> = T & { readonly installation: InstallationArgs };

/**
 * One part of the platform in the cluster, in order: what has to be there, its CRDs, its chart, the webhook that admits
 * its objects, the objects, and the gate behind which everything that needs it begins.
 */
export class Installation extends pulumi.ComponentResource {
  /** Opens when the part works; what needs it depends on it. */
  readonly gate: Gate;

  constructor(name: string, service: PlatformService, args: InstallationArgs, opts?: pulumi.ComponentResourceOptions) {
    const { version } = chartPin(service.chart.name);
    super(
      service.type,
      name,
      { chart: service.chart.name, version, needs: service.needs, provides: service.provides },
      opts,
    );
    const mirror = args.mirror ?? chartMirror();
    const ends = opts?.deletedWith === undefined ? {} : { deletedWith: opts.deletedWith };
    const after = (...resources: readonly pulumi.Resource[]) => ({
      parent: this,
      dependsOn: pulumi.output(opts?.dependsOn ?? []).apply((all) => [...[all].flat(), ...resources]),
      ...ends,
    });
    const look = (
      key: string,
      checks: Checks | undefined,
      trigger: pulumi.Output<string> | undefined,
      options: object,
    ) =>
      checks === undefined || Object.keys(checks).length === 0
        ? []
        : [new Gate(`${name}-${key}`, { kubeconfig: args.kubeconfig, checks, ...(trigger && { trigger }) }, options)];

    const entry = look("entry", service.entry, undefined, after());
    const crds = args.crds ?? ownBundle(name, service, args, mirror, after());
    const made = (objects: PlatformService["objects"], ...behind: readonly pulumi.Resource[]) =>
      Object.entries(objects ?? {}).map(
        ([key, { apiVersion, kind, metadata, ...fields }]) =>
          new k8s.apiextensions.CustomResource(
            `${name}-${key}`,
            { apiVersion, kind, metadata: { ...metadata }, ...sortedKeys(fields) },
            after(...behind),
          ),
      );
    const before = [...entry, ...(crds === undefined ? [] : [crds]), ...made(service.first, ...entry)];
    const chart = new Chart(`${name}-chart`, { spec: service.chart, mirror }, after(...before));
    const ready = look("ready", service.ready, chart.revision, after(chart));
    const objects = made(service.objects, chart, ...ready);
    this.gate = new Gate(
      `${name}-exit`,
      { kubeconfig: args.kubeconfig, checks: service.exit, trigger: chart.revision },
      after(chart, ...ready, ...objects),
    );
    this.registerOutputs({});
  }
}

function ownBundle(
  name: string,
  service: PlatformService,
  args: InstallationArgs,
  mirror: ChartMirror,
  opts: pulumi.CustomResourceOptions,
): CrdBundle | undefined {
  const charts = bundledCharts([service], mirror);
  if (Object.keys(charts).length === 0) return undefined;
  const { kubeconfig, kubernetesVersion } = args;
  return new CrdBundle(
    `${name}-crds`,
    { kubeconfig, charts, ...(kubernetesVersion !== undefined && { kubernetesVersion }) },
    opts,
  );
}

/** Everything a bundle has to apply for these services. */
export function bundledCharts(
  services: readonly PlatformService[],
  mirror: ChartMirror,
): Readonly<Record<string, BundledChart>> {
  const { charts } = versions();
  const entries = services.flatMap(({ chart, manifests = [] }): [string, BundledChart][] => {
    const pin = charts[chart.name];
    const bundled = pin && bundledChart(chart, pin, mirror);
    return [
      ...(bundled === undefined ? [] : [[chart.name, bundled] as [string, BundledChart]]),
      ...manifests.map((manifest): [string, BundledChart] => [manifest, bundledManifest(manifest, mirror)]),
    ];
  });
  return sortedKeys(Object.fromEntries(entries));
}
