import { readFileSync } from "node:fs";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { releaseDescription } from "../functions";
import { type ChartMirror, chartPin, chartSource } from "../release/versions";
import { archiveDigest } from "./bundle";
import { releaseHooks, releaseOwner } from "./release";
import type { ChartSpec } from "./service";
import { sortedKeys, type Values, withValue } from "./values";

/** Inputs of {@link Chart}. */
export interface ChartArgs {
  /** The chart, where it goes and with what values; the namespace is there already. Plain. A changed value upgrades this release alone. */
  readonly spec: ChartSpec;
  /** Admin kubeconfig (secret), to take up again what a killed run has left. A renewed one changes nothing. */
  readonly kubeconfig: pulumi.Input<string>;
  /** Digest of the Secrets that its pods read when they start. Another one restarts them. @default - none */
  readonly secrets?: pulumi.Input<string>;
  /** Where charts come from instead of their own repositories. @default - `PLINTH_CHARTS_DIR`, else the repository */
  readonly mirror?: ChartMirror;
}

/**
 * One chart of versions.yaml as a Helm release: pinned, atomic (a failed upgrade goes back by itself), bounded in time,
 * and taken up again by the next run when one was killed at it.
 * Its CRDs are not its own: a {@link CrdBundle} applies and upgrades them before it.
 */
export class Chart extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:kubernetes:Chart";

  /** Revision of the release; changes with every upgrade. */
  readonly revision: pulumi.Output<string>;

  constructor(
    name: string,
    { spec, kubeconfig, secrets, mirror = chartMirror() }: ChartArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    const pin = chartPin(spec.name);
    super(Chart.__pulumiType, name, { chart: spec.name, version: pin.version, namespace: spec.namespace }, opts);
    // A component's dependencies do not reach its children by themselves.
    const child = { parent: this, dependsOn: opts?.dependsOn ?? [], ...deletedWith(opts) };
    const { chart, repository } = chartSource(spec.name, pin, mirror);
    const values = pin.crds.mode === "template-flag" ? withValue(spec.values, pin.crds.flag, false) : spec.values;
    const seconds = spec.seconds ?? 300;
    const digest = archiveDigest(spec.name, pin, mirror);
    const archive = digest === undefined ? undefined : { chart, repository, version: pin.version, digest };
    const turn = { namespace: spec.namespace, name: spec.name, seconds, kubeconfig };
    const hooks = releaseHooks(archive === undefined ? turn : { ...turn, archive }, this);
    const release = new k8s.helm.v3.Release(
      `${name}-release`,
      {
        name: spec.name,
        chart,
        version: pin.version,
        ...(repository !== undefined && { repositoryOpts: { repo: repository } }),
        namespace: spec.namespace,
        values: stamped(values, spec.podAnnotations, secrets),
        // Data that a failed upgrade has migrated already would be lost to the version that goes back.
        atomic: pin.irreversible !== true,
        cleanupOnFail: pin.irreversible !== true,
        skipCrds: pin.crds.mode === "folder",
        timeout: seconds,
        description: releaseDescription(releaseOwner()),
      },
      // What a release is called in its history is no reason for another revision.
      { ...child, ignoreChanges: ["description"], ...(hooks !== undefined && { hooks }) },
    );
    this.revision = release.status.apply((status) => String(status?.revision ?? ""));
    this.registerOutputs({ revision: this.revision });
  }
}

/** Values with the digest of the Secrets among the annotations of the pods, in order. */
function stamped(
  values: Values,
  path: string | undefined,
  secrets: pulumi.Input<string> | undefined,
): pulumi.Input<Record<string, unknown>> {
  if (path === undefined || secrets === undefined) return sortedKeys(values);
  return pulumi
    .output(secrets)
    .apply((digest) => sortedKeys(withValue(values, path, { "plinth.dev/secrets": digest })));
}

/** An air-gapped site names a folder of archives, and a file with the digests of those it has packed itself. */
export function chartMirror(env: NodeJS.ProcessEnv = process.env): ChartMirror {
  const { PLINTH_CHARTS_DIR: folder, PLINTH_CHARTS_DIGESTS: digests } = env;
  if (folder === undefined) return {};
  return { folder, ...(digests !== undefined && { digests: JSON.parse(readFileSync(digests, "utf8")) }) };
}

function deletedWith(opts?: pulumi.ComponentResourceOptions): pulumi.CustomResourceOptions {
  return opts?.deletedWith === undefined ? {} : { deletedWith: opts.deletedWith };
}
