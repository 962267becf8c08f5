import * as pulumi from "@pulumi/pulumi";
import { pluginOptions } from "../plugin";

/** A pinned chart, or a plain file of CRDs, whose CRDs are applied. */
export interface BundledChart {
  /** A path, an `oci://` reference, the chart's name in `repository`, or the URL of a plain file of CRDs. */
  readonly chart: string;
  /** Index of the chart repository. @default - `chart` says it all */
  readonly repository?: string | undefined;
  readonly version: string;
  /** `sha256:…` that the archive must have; another archive is refused. @default - any */
  readonly digest?: string | undefined;
  /** Where the CRDs are: in `crds/`, among the templates, or the file itself; `none` only checks the archive. */
  readonly mode: "folder" | "template-flag" | "manifest" | "none";
  /** Value that switches the CRDs among the templates on; with mode `template-flag` alone. */
  readonly flag?: string | undefined;
  /** Name and namespace of the release: conversion webhooks are found by them. */
  readonly release: { readonly name: string; readonly namespace: string };
}

/** Plain form of the inputs, as plinth's provider sees them. */
export interface CrdBundleInputs {
  /** Admin kubeconfig (secret). */
  readonly kubeconfig: string;
  /** Charts by name. A chart taken out gives up its CRDs, as far as no objects are left of them. */
  readonly charts: { readonly [name: string]: BundledChart };
  /** Kubernetes version that charts are rendered for, as v1.36.3. @default - Helm's own */
  readonly kubernetesVersion?: string | undefined;
}

/** Inputs of {@link CrdBundle}. */
export interface CrdBundleArgs {
  /** Admin kubeconfig (secret). A renewed one changes nothing in the cluster. */
  readonly kubeconfig: pulumi.Input<string>;
  /** Charts by name. Plain. In place: new versions are applied before anything that depends on the bundle. */
  readonly charts: CrdBundleInputs["charts"];
  /** Kubernetes version that charts are rendered for, as v1.36.3. Plain. @default - Helm's own */
  readonly kubernetesVersion?: string;
}

/**
 * The CustomResourceDefinitions of pinned charts: every archive fetched and its digest checked first, the CRDs applied
 * server-side, taken over from an earlier Helm release, and waited for until they are served. The state holds names and
 * digests. A CRD that still has objects is never deleted.
 */
export class CrdBundle extends pulumi.CustomResource {
  /** @internal */
  static readonly __pulumiType = "plinth:kubernetes:CrdBundle";

  constructor(name: string, args: CrdBundleArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      CrdBundle.__pulumiType,
      name,
      {
        kubeconfig: pulumi.secret(args.kubeconfig),
        charts: args.charts,
        ...(args.kubernetesVersion !== undefined && { kubernetesVersion: args.kubernetesVersion }),
      },
      pluginOptions(opts),
    );
  }
}
