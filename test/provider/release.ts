/** A declared cluster of three control planes and two workers, and the machines that run it. */
import type { ClusterReleaseInputs, NodeRelease } from "../../components/talos/ClusterRelease";
import { generationPatches } from "../../components/talos/config/generation";
import { FakeCluster, merge, SECRET } from "./cluster";

export const controlplane = JSON.stringify({
  cluster: { id: "demo-id" },
  machine: { type: "controlplane", ca: { key: SECRET } },
});
export const worker = JSON.stringify({ cluster: { id: "demo-id" }, machine: { type: "worker", token: SECRET } });

export const node = (key: string, place: number, type: NodeRelease["type"], patch: object = {}): NodeRelease => ({
  type,
  address: `10.0.0.${place}`,
  hostname: key,
  talos: "v1.13.0",
  kubernetes: "v1.36.3",
  patches: [JSON.stringify(merge({ machine: { network: { hostname: key } } }, patch as never))],
});

export const labels = (value: string) => ({ machine: { nodeLabels: { rack: value } } });

export function site(patch: object = {}): ClusterReleaseInputs {
  return {
    clusterName: "demo",
    clientConfiguration: { caCertificate: "ca", clientCertificate: "crt", clientKey: SECRET },
    kubeconfig: JSON.stringify({
      clusters: [{ cluster: { "certificate-authority-data": "LS0t" } }],
      users: SECRET,
    }),
    configuration: { controlplane, worker },
    nodes: {
      "cp-1": node("cp-1", 11, "controlplane", patch),
      "cp-2": node("cp-2", 12, "controlplane", patch),
      "cp-3": node("cp-3", 13, "controlplane", patch),
      "w-1": node("w-1", 21, "worker", patch),
      "w-2": node("w-2", 22, "worker", patch),
    },
    timeouts: { etcd: "1s", ready: "1s" },
    onDestroy: "reset",
  };
}

/** The machines of a site as they stand after their first configuration and bootstrap. */
export function machines(inputs: ClusterReleaseInputs): FakeCluster {
  const cluster = new FakeCluster();
  for (const [key, declared] of Object.entries(inputs.nodes)) {
    const base = JSON.parse(declared.type === "worker" ? worker : controlplane);
    cluster.add({
      key,
      address: declared.address,
      hostname: declared.hostname,
      type: declared.type,
      configuration: JSON.stringify(declared.patches.map((text) => JSON.parse(text)).reduce(merge, base)),
      etcd: declared.type === "controlplane",
      leader: key === "cp-1",
    });
  }
  return cluster;
}

/** The site after the machine of a key was declared another one. */
export const renewed = (inputs: ClusterReleaseInputs, key: string, generation = 2): ClusterReleaseInputs => {
  const old = inputs.nodes[key];
  if (old === undefined) throw new Error(`no node ${key}`);
  // As JSON, which the fake's patches are.
  const marks = generationPatches(generation, "v1.13").map((text) =>
    JSON.stringify({ machine: { nodeAnnotations: { "plinth.dev/generation": /"(\d+)"/.exec(text)?.[1] } } }),
  );
  return { ...inputs, nodes: { ...inputs.nodes, [key]: { ...old, generation, patches: [...old.patches, ...marks] } } };
};
