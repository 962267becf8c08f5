import { type Draft, lab, object, resource, secret } from "./drafts";

/** Shapes that several rules are tried on. */

export const IMAGE = "quay.io/example/web:v1.2.3";
export const DIGEST = `sha256:${"a".repeat(64)}`;

/** A Deployment with one container, changed as given. */
export function deployment(container: object = {}, spec: object = {}, metadata: object = {}): Draft {
  return workload("kubernetes:apps/v1:Deployment", container, spec, metadata);
}

export function workload(type: string, container: object, spec: object = {}, metadata: object = {}): Draft {
  const pod = { containers: [{ name: "web", image: IMAGE, ...container }], ...spec };
  const template = { spec: pod };
  const inner = type.endsWith(":Pod")
    ? pod
    : type.endsWith(":CronJob")
      ? { schedule: "0 3 * * *", jobTemplate: { spec: { template } } }
      : { template };
  return object(type, "web", { metadata: { name: "web", namespace: "apps", ...metadata }, spec: inner });
}

export const SERVICE = object("kubernetes:core/v1:Service", "web", { spec: { ports: [{ port: 80 }] } });

/** A machine of a stack that is written without plinth; `patches` are YAML documents. */
export function machine(
  name: string,
  configuration: string,
  more: object = {},
  patches: readonly string[] = [],
): Draft {
  return resource("talos:machine/configurationApply:ConfigurationApply", name, {
    node: "10.0.1.10",
    endpoint: "10.0.1.10",
    machineConfigurationInput: secret(configuration),
    configPatches: patches,
    ...more,
  });
}

export const RELEASE = "plinth:talos:ClusterRelease";

/** The lab's release with what its encrypted configuration said, as the engine shows it. */
export function release(edit: (draft: Draft) => void = () => undefined): Draft {
  return lab(RELEASE, (draft) => {
    draft.inputs.configuration = secret({
      controlplane:
        "machine:\n  type: controlplane\ncluster:\n  controlPlane:\n    endpoint: https://127.103.31.10:6443\n",
      worker: "machine:\n  type: worker\n",
    });
    edit(draft);
  });
}

/** The lab's release with one more patch on its first node. */
export function patched(patch: string): Draft {
  return release((draft) => draft.inputs.nodes["cp-1"].patches.push(patch));
}

export function helmRelease(inputs: object): Draft {
  return resource("kubernetes:helm.sh/v3:Release", "chart", { chart: "demo", version: "1.2.3", ...inputs });
}
