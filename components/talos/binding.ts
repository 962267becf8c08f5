import * as pulumi from "@pulumi/pulumi";

/**
 * The resources and functions of the pulumiverse talos provider that plinth uses, by token. Its npm package is not on
 * the registry, so its plugin is used directly: outputs that somebody reads are declared, and what holds a key is secret as
 * a whole (the provider's own schema marks only some leaves).
 */

/** The official plugin that speaks these tokens. */
export const PLUGIN = { version: "0.8.1", pluginDownloadURL: "github://api.github.com/pulumiverse" } as const;

/** Client certificate for the Talos API: CA, certificate and key, PEM in base64. */
export interface ClientConfiguration {
  readonly caCertificate: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
}

interface CertificateAndKey {
  readonly cert: string;
  readonly key: string;
}

/** The secrets bundle of a cluster: its identity. Whoever has it owns the cluster; without it nobody does. */
export interface MachineSecrets {
  readonly certs: {
    readonly etcd: CertificateAndKey;
    readonly k8s: CertificateAndKey;
    readonly k8sAggregator: CertificateAndKey;
    readonly k8sServiceaccount: { readonly key: string };
    readonly os: CertificateAndKey;
  };
  readonly cluster: { readonly id: string; readonly secret: string };
  /** What etcd's content is encrypted with is one of the two, by the age of the cluster. */
  readonly secrets: {
    readonly bootstrapToken: string;
    readonly secretboxEncryptionSecret?: string;
    readonly aescbcEncryptionSecret?: string;
  };
  readonly trustdinfo: { readonly token: string };
}

function options(
  opts: pulumi.CustomResourceOptions | undefined,
  secretOutputs: string[],
): pulumi.CustomResourceOptions {
  return pulumi.mergeOptions({ ...PLUGIN, additionalSecretOutputs: secretOutputs }, opts);
}

/** `talos:machine/secrets:Secrets`: makes a secrets bundle once. */
export class Secrets extends pulumi.CustomResource {
  declare readonly machineSecrets: pulumi.Output<MachineSecrets>;
  declare readonly clientConfiguration: pulumi.Output<ClientConfiguration>;

  constructor(
    name: string,
    args: { readonly talosVersion: pulumi.Input<string> },
    opts?: pulumi.CustomResourceOptions,
  ) {
    const outputs = { machineSecrets: undefined, clientConfiguration: undefined };
    super(
      "talos:machine/secrets:Secrets",
      name,
      { ...args, ...outputs },
      options(opts, ["machineSecrets", "clientConfiguration"]),
    );
    this.machineSecrets = withoutMarks(this.machineSecrets);
    this.clientConfiguration = withoutMarks(this.clientConfiguration);
  }
}

/** `talos:imageFactory/schematic:Schematic`: makes a schematic known to the Image Factory. */
export class FactorySchematic extends pulumi.CustomResource {
  constructor(name: string, args: { readonly schematic: pulumi.Input<string> }, opts?: pulumi.CustomResourceOptions) {
    super("talos:imageFactory/schematic:Schematic", name, { ...args }, options(opts, []));
  }
}

/** Inputs of {@link ConfigurationApply}. */
export interface ConfigurationApplyArgs {
  readonly clientConfiguration: pulumi.Input<ClientConfiguration>;
  /** Address of the machine itself; also the endpoint, so that a configuration never reaches another machine. */
  readonly node: pulumi.Input<string>;
  readonly machineConfigurationInput: pulumi.Input<string>;
  readonly configPatches: pulumi.Input<readonly string[]>;
}

/** `talos:machine/configurationApply:ConfigurationApply`: hands a machine its configuration. */
export class ConfigurationApply extends pulumi.CustomResource {
  constructor(name: string, args: ConfigurationApplyArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      "talos:machine/configurationApply:ConfigurationApply",
      name,
      { endpoint: args.node, ...args },
      options(opts, ["clientConfiguration", "machineConfigurationInput", "machineConfiguration"]),
    );
  }
}

/** `talos:cluster/kubeconfig:Kubeconfig`: fetches the admin kubeconfig. */
export class Kubeconfig extends pulumi.CustomResource {
  declare readonly kubeconfigRaw: pulumi.Output<string>;

  constructor(
    name: string,
    args: { readonly clientConfiguration: pulumi.Input<ClientConfiguration>; readonly node: pulumi.Input<string> },
    opts?: pulumi.CustomResourceOptions,
  ) {
    const outputs = { kubeconfigRaw: undefined, kubernetesClientConfiguration: undefined };
    super(
      "talos:cluster/kubeconfig:Kubeconfig",
      name,
      { endpoint: args.node, ...args, ...outputs },
      options(opts, ["clientConfiguration", "kubeconfigRaw", "kubernetesClientConfiguration"]),
    );
  }
}

/** Inputs of {@link machineConfiguration}. */
export interface MachineConfigurationArgs {
  readonly clusterName: pulumi.Input<string>;
  readonly clusterEndpoint: pulumi.Input<string>;
  readonly machineType: pulumi.Input<string>;
  readonly machineSecrets: pulumi.Input<MachineSecrets>;
  readonly kubernetesVersion: pulumi.Input<string>;
  /** Config contract, not the version that runs. */
  readonly talosVersion: pulumi.Input<string>;
  /** Patches of one machine. @default - none: the configuration of the role */
  readonly configPatches?: pulumi.Input<readonly string[]>;
}

/** `talos:machine/getConfiguration:getConfiguration`: a machine configuration, without comments. */
export function machineConfiguration(args: MachineConfigurationArgs, parent: pulumi.Resource): pulumi.Output<string> {
  return invokeSecret<{ machineConfiguration: string }>(
    "talos:machine/getConfiguration:getConfiguration",
    { ...args, kubernetesVersion: withoutV(args.kubernetesVersion), docs: false, examples: false },
    parent,
  ).apply((result) => result.machineConfiguration);
}

/** The provider writes the v of an image tag itself. */
function withoutV(version: pulumi.Input<string>): pulumi.Output<string> {
  return pulumi.output(version).apply((text) => text.replace(/^v/, ""));
}

/** Inputs of {@link clientConfiguration}. */
export interface TalosconfigArgs {
  readonly clusterName: pulumi.Input<string>;
  readonly clientConfiguration: pulumi.Input<ClientConfiguration>;
  /** Own addresses of the control planes. Never the VIP: it is away exactly when the Talos API is needed most. */
  readonly endpoints: pulumi.Input<readonly pulumi.Input<string>[]>;
  readonly nodes: pulumi.Input<readonly pulumi.Input<string>[]>;
}

/** `talos:client/getConfiguration:getConfiguration`: a talosconfig file. */
export function talosconfig(args: TalosconfigArgs, parent: pulumi.Resource): pulumi.Output<string> {
  return invokeSecret<{ talosConfig: string }>(
    "talos:client/getConfiguration:getConfiguration",
    { ...args },
    parent,
  ).apply((result) => result.talosConfig);
}

/**
 * The same secret output with a plain value. Its leaves are secret by the provider's schema and the whole is secret by
 * ours; the SDK takes off the outer mark only and would hand out the inner ones as data.
 */
function withoutMarks<T>(output: pulumi.Output<T>): pulumi.Output<T> {
  return pulumi.secret(output.apply((value) => unmark(value) as T)) as pulumi.Output<T>;
}

function unmark(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (pulumi.runtime.isRpcSecret(value)) return unmark(pulumi.runtime.unwrapRpcSecret(value));
  if (Array.isArray(value)) return value.map(unmark);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unmark(inner)]));
}

function invokeSecret<T>(token: string, args: pulumi.Inputs, parent: pulumi.Resource): pulumi.Output<T> {
  // The results are plain objects of strings, which unwrapping leaves as they are.
  return pulumi.secret(pulumi.runtime.invokeOutput<T>(token, args, { parent, ...PLUGIN })) as pulumi.Output<T>;
}
