import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { PulumiFn } from "@pulumi/pulumi/automation";
import { packageRoot } from "../components/discovery";
import { packFolder } from "../lab/engine/run";

/** How many resources the policy pack is measured on. */
export const POLICY_RESOURCES = 500;

class KubernetesObject extends pulumi.CustomResource {}

/** Folder with a provider for Kubernetes' types that only echoes: what is measured is the engine and the pack. */
export function echoingKubernetes(work: string): string {
  const folder = path.join(work, "kubernetes");
  mkdirSync(folder, { recursive: true });
  const program = path.join(packageRoot, "dist/bench/trivial/provider.js");
  writeFileSync(path.join(folder, "pulumi-resource-kubernetes"), `#!/bin/sh\nexec node "${program}" "$@"\n`, {
    mode: 0o755,
  });
  return folder;
}

/** Folders of packs without a rule: one on plinth's server, one on the official SDK's. */
export function emptyPacks(work: string): { readonly "no-rules": string; readonly "no-rules-sdk": string } {
  const pack = (name: string, program: string) => {
    const folder = path.join(work, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "PulumiPolicy.yaml"), readFileSync(path.join(packFolder, "PulumiPolicy.yaml")));
    writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name, version: "1.0.0", main: "index.js" }));
    writeFileSync(path.join(folder, "index.js"), program);
    return folder;
  };
  const analyzer = JSON.stringify(path.join(packageRoot, "dist/policies/serve/analyzer.js"));
  const identity = JSON.stringify({ name: "no-rules", version: "1.0.0", description: "" });
  return {
    "no-rules": pack(
      "no-rules",
      `const { Analyzer } = require(${analyzer});
void new Analyzer(${identity}, []).listen().then(({ port }) => console.log(port));
`,
    ),
    "no-rules-sdk": pack(
      "no-rules-sdk",
      `const { PolicyPack } = require(${JSON.stringify(require.resolve("@pulumi/policy"))});
new PolicyPack("no-rules-sdk", { policies: [] });
`,
    ),
  };
}

/**
 * A platform's worth of objects, each of a kind that rules look at, all in order; in the cluster of a kubeconfig, or
 * nowhere.
 */
export function platformProgram(kubeconfig?: string): PulumiFn {
  return async () => {
    const opts =
      kubeconfig === undefined
        ? {}
        : { provider: new k8s.Provider("site", { kubeconfig: pulumi.secret(kubeconfig), clusterIdentifier: "bench" }) };
    for (let place = 0; place < POLICY_RESOURCES; place++) {
      const name = `app-${place}`;
      const { type, body } = KINDS[place % KINDS.length] ?? DEPLOYMENT;
      const [apiVersion = "", kind] = type
        .replace("kubernetes:", "")
        .replace(/^core\//, "")
        .split(":");
      // A namespace that every cluster has: the objects are only ever previewed.
      const metadata = { name, namespace: "kube-public" };
      new KubernetesObject(type, name, { apiVersion, kind, metadata, ...body(name) }, opts);
    }
    return {};
  };
}

interface Kind {
  readonly type: string;
  readonly body: (name: string) => object;
}

const DEPLOYMENT: Kind = {
  type: "kubernetes:apps/v1:Deployment",
  body: (name) => ({
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            {
              name,
              image: `quay.io/example/${name}:v1.2.3`,
              ports: [{ containerPort: 8080 }],
              env: Array.from({ length: 10 }, (_, index) => ({ name: `SETTING_${index}`, value: `value ${index}` })),
              resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "64Mi" } },
            },
          ],
        },
      },
    },
  }),
};

const KINDS: readonly Kind[] = [
  DEPLOYMENT,
  {
    type: "kubernetes:core/v1:Service",
    body: (name) => ({ spec: { selector: { app: name }, ports: [{ port: 80 }] } }),
  },
  DEPLOYMENT,
  {
    type: "kubernetes:core/v1:ConfigMap",
    body: () => ({
      data: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`key-${index}`, "x".repeat(40)])),
    }),
  },
  { type: "kubernetes:core/v1:Secret", body: (name) => ({ stringData: pulumi.secret({ value: name }) }) },
];
