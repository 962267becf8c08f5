import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type ChartMirror, chartPin, versions } from "../release/versions";
import { aroundKeep, Keep } from "../secrets/Keep";
import { bundledChart, bundledManifest } from "./bundle";
import { Chart, chartMirror } from "./Chart";
import { type BundledChart, CrdBundle } from "./CrdBundle";
import { Gate } from "./Gate";
import { namespaceResource, objectResource } from "./objects";
import type { Checks, Objects, PlatformService, SecretSpec } from "./service";
import { digestOf, sortedKeys } from "./values";

/** What every part of a platform is told about the cluster it goes into. */
export interface InstallationArgs {
  /** Admin kubeconfig (secret), for CRDs and gates. A renewed one changes nothing. */
  readonly kubeconfig: pulumi.Input<string>;
  /** Bundle that holds its CRDs already. @default - one of its own */
  readonly crds?: CrdBundle;
  /** What holds its passwords and keys already. @default - one of its own */
  readonly keep?: Keep;
  /** Looks a secret of the stack's configuration up, for a keep of its own. @default - there are none */
  readonly secret?: (name: string) => pulumi.Output<string> | undefined;
  /** Where charts come from instead of their own repositories. @default - `PLINTH_CHARTS_DIR`, else the repository */
  readonly mirror?: ChartMirror;
  /** Kubernetes version that charts are rendered for. Plain. @default - Helm's own */
  readonly kubernetesVersion?: string;
}

/** Inputs of a component for one part of the platform: its own beside those of the cluster. */
export type ServiceArgs<T> = T & { readonly installation: InstallationArgs };

/**
 * One part of the platform in the cluster, in order: its namespace and Secrets, what has to be there, its CRDs, the
 * work that guards what it holds, its chart, the webhook that admits its objects, the objects, and the gate behind which
 * everything that needs it begins.
 */
export class Installation extends pulumi.ComponentResource {
  /** Opens when the part works; what needs it depends on it. */
  readonly gate: Gate;

  constructor(name: string, service: PlatformService, args: InstallationArgs, opts?: pulumi.ComponentResourceOptions) {
    super(service.type, name, factsOf(service), aroundKeep(opts));
    const { kubeconfig } = args;
    const mirror = args.mirror ?? chartMirror();
    const ends = opts?.deletedWith === undefined ? {} : { deletedWith: opts.deletedWith };
    const after = (...resources: readonly pulumi.Resource[]) => ({
      parent: this,
      dependsOn: pulumi.output(opts?.dependsOn ?? []).apply((all) => [...[all].flat(), ...resources]),
      ...ends,
    });
    const look = (key: string, checks: Checks = {}, trigger: pulumi.Input<string> | undefined, options: object) =>
      Object.keys(checks).length === 0
        ? []
        : [new Gate(`${name}-${key}`, { kubeconfig, checks, ...(trigger && { trigger }) }, options)];
    const make = (objects: Objects = {}, options: object) =>
      Object.entries(objects).map(([key, object]) => objectResource(`${name}-${key}`, object, options));

    const namespace = service.namespace ? [namespaceResource(`${name}-namespace`, service.namespace, after())] : [];
    const entry = look("entry", service.entry, undefined, after());
    const keep = args.keep ?? ownKeep(name, service, args, this);
    const secrets = Object.entries(service.secrets ?? {}).flatMap(([key, secret]) =>
      secret.optional === true && keep?.has(secret) !== true
        ? []
        : [secretResource(`${name}-${key}`, secret, keep?.texts(secret), after(...namespace, ...entry))],
    );
    const crds = args.crds ?? ownBundle(name, service, args, mirror, after());
    const first = make(service.first, after(...namespace, ...entry));
    const before = [...namespace, ...secrets, ...entry, ...first, ...(crds === undefined ? [] : [crds])];
    const guards = make(service.guard?.objects, after(...before));
    const done = look("guard", service.guard?.done, digestOf(service.guard?.objects ?? {}), after(...guards));
    const guarded = [...before, ...done];
    const read = service.chart?.podAnnotations === undefined ? undefined : digestOfSecrets(service, keep);
    const chart =
      service.chart &&
      new Chart(
        `${name}-chart`,
        { spec: service.chart, kubeconfig, mirror, ...(read !== undefined && { secrets: read }) },
        after(...guarded),
      );
    const installed = chart === undefined ? guarded : [chart];
    const ready = look("ready", service.ready, chart?.revision ?? digestOf(service.objects ?? {}), after(...installed));
    const objects = make(service.objects, after(...installed, ...ready));
    this.gate = new Gate(
      `${name}-exit`,
      { kubeconfig, checks: service.exit, trigger: exitTrigger(chart, service.objects ?? {}) },
      after(...installed, ...ready, ...objects),
    );
    this.registerOutputs({});
  }
}

function factsOf({ chart, needs, provides }: PlatformService): object {
  const pinned = chart === undefined ? {} : { chart: chart.name, version: chartPin(chart.name).version };
  return { ...pinned, needs, provides };
}

/** Changes with the release and with the objects beside it: the part works only when both have settled again. */
function exitTrigger(chart: Chart | undefined, objects: Objects): pulumi.Input<string> {
  if (chart === undefined) return digestOf(objects);
  return Object.keys(objects).length === 0
    ? chart.revision
    : pulumi.interpolate`${chart.revision} ${digestOf(objects)}`;
}

function secretResource(
  name: string,
  { namespace, name: own, type = "Opaque", labels = {}, optional = false }: SecretSpec,
  stringData: pulumi.Input<Record<string, string>> = {},
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return new k8s.core.v1.Secret(
    name,
    { metadata: { name: own, namespace, labels }, type, stringData },
    { ...opts, retainOnDelete: optional },
  );
}

/** It is no secret itself: what a part reads are tokens that machines have made, which nobody finds by trying. */
function digestOfSecrets({ secrets = {} }: PlatformService, keep: Keep | undefined): pulumi.Output<string> | undefined {
  const texts = Object.values(secrets).flatMap((secret) => keep?.texts(secret) ?? []);
  return texts.length === 0 ? undefined : pulumi.unsecret(pulumi.all(texts).apply(digestOf));
}

function ownKeep(
  name: string,
  { keep, secrets }: PlatformService,
  { secret }: InstallationArgs,
  parent: pulumi.Resource,
): Keep | undefined {
  if (keep === undefined && secrets === undefined) return undefined;
  return new Keep(`${name}-keep`, { keep: keep ?? {}, ...(secret && { secret }) }, { parent });
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
    const pin = chart && charts[chart.name];
    const bundled = chart && pin && bundledChart(chart, pin, mirror);
    return [
      ...(chart === undefined || bundled === undefined ? [] : [[chart.name, bundled] as [string, BundledChart]]),
      ...manifests.map((manifest): [string, BundledChart] => [manifest, bundledManifest(manifest, mirror)]),
    ];
  });
  return sortedKeys(Object.fromEntries(entries));
}
