import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/**
 * A cluster of three machines, written without plinth: the talos provider's resources by token, and a web server.
 * `pulumi preview --policy-pack node_modules/plinth/policies` checks it with the same rules.
 */

const TALOS = { version: "0.8.1", pluginDownloadURL: "github://api.github.com/pulumiverse" };

class Talos extends pulumi.CustomResource {
  constructor(type: string, name: string, props: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super(`talos:${type}`, name, props, pulumi.mergeOptions(TALOS, opts));
  }
}

/** An output that the class does not declare. */
function output(resource: pulumi.Resource, name: string): pulumi.Output<string> {
  return (resource as unknown as Record<string, pulumi.Output<string>>)[name] ?? pulumi.output("");
}

async function program() {
  const settings = new pulumi.Config("example");
  const machines: readonly string[] = settings.getObject("machines") ?? ["10.0.1.10", "10.0.1.11", "10.0.1.12"];
  const endpoint = "https://10.0.3.1:6443";

  const secrets = new Talos(
    "machine/secrets:Secrets",
    "secrets",
    { talosVersion: "v1.13", machineSecrets: undefined, clientConfiguration: undefined },
    {
      protect: settings.getBoolean("protect") ?? true,
      ignoreChanges: ["talosVersion"],
      additionalSecretOutputs: ["machineSecrets", "clientConfiguration"],
    },
  );
  const clientConfiguration = output(secrets, "clientConfiguration");

  const applied = machines.map((node, place) => {
    const configuration = pulumi.runtime.invokeOutput<{ machineConfiguration: string }>(
      "talos:machine/getConfiguration:getConfiguration",
      {
        clusterName: "plain",
        clusterEndpoint: endpoint,
        machineType: "controlplane",
        machineSecrets: output(secrets, "machineSecrets"),
        docs: false,
        examples: false,
      },
      TALOS,
    );
    return new Talos(
      "machine/configurationApply:ConfigurationApply",
      `cp-${place + 1}`,
      {
        clientConfiguration,
        node,
        endpoint: node,
        machineConfigurationInput: pulumi.secret(configuration.apply((result) => result.machineConfiguration)),
        configPatches: [`machine:\n  install:\n    diskSelector:\n      serial: S${place + 1}\n`],
      },
      { additionalSecretOutputs: ["clientConfiguration", "machineConfigurationInput"] },
    );
  });

  const [first = ""] = machines;
  const bootstrap = new Talos(
    "machine/bootstrap:Bootstrap",
    "bootstrap",
    { clientConfiguration, node: first, endpoint: first },
    { dependsOn: applied },
  );
  const kubeconfig = new Talos(
    "cluster/kubeconfig:Kubeconfig",
    "kubeconfig",
    { clientConfiguration, node: first, endpoint: first, kubeconfigRaw: undefined },
    { dependsOn: [bootstrap], additionalSecretOutputs: ["kubeconfigRaw", "kubernetesClientConfiguration"] },
  );

  const provider = new k8s.Provider("plain", {
    kubeconfig: output(kubeconfig, "kubeconfigRaw"),
    clusterIdentifier: "plain",
  });
  const namespace = new k8s.core.v1.Namespace(
    "web",
    { metadata: { name: "web", labels: { "pod-security.kubernetes.io/enforce": "restricted" } } },
    { provider },
  );
  const labels = { app: "web" };
  new k8s.apps.v1.Deployment(
    "web",
    {
      metadata: { name: "web", namespace: namespace.metadata.name },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [
              {
                name: "web",
                image: settings.get("image") ?? "docker.io/library/nginx:1.29.3",
                resources: { requests: { cpu: "10m", memory: "32Mi" } },
              },
            ],
          },
        },
      },
    },
    { provider },
  );
}

export = program;
