import * as pulumi from "@pulumi/pulumi";
import { Site } from "../../components/site/Site";
import type { SiteFile } from "../../components/site/spec";
import { type Registered, recordGraph } from "../support/graph";
import { siteFile } from "../support/site";

const SECRETS = {
  machineSecrets: { certs: { k8s: { cert: "k8s-ca", key: "k8s-key" } }, cluster: { id: "cluster-id", secret: "s" } },
  clientConfiguration: { caCertificate: "ca", clientCertificate: "crt", clientKey: "key" },
};

const answers = {
  resource: (type: string) => {
    switch (type) {
      case "talos:machine/secrets:Secrets":
        return SECRETS;
      case "talos:cluster/kubeconfig:Kubeconfig":
        return { kubeconfigRaw: "apiVersion: v1" };
      case "plinth:address:Pool":
        return { addresses: { "worker-1": "127.77.0.100" } };
      case "plinth:talos:Bootstrap":
        return { clusterId: "cluster-id", etcdClusterId: "e" };
      default:
        return {};
    }
  },
  call: (token: string, inputs: Record<string, unknown>) =>
    token === "talos:machine/getConfiguration:getConfiguration"
      ? { machineConfiguration: `configuration of ${inputs.machineType}` }
      : { talosConfig: JSON.stringify(inputs.endpoints) },
};

async function graph(site: SiteFile = siteFile(), preview = false) {
  return recordGraph(() => new Site("site", { site, file: "stacks/Pulumi.lab.yaml" }), answers, preview);
}

const line = ({ type, name, parent }: Registered) => `${parent || "."} <- ${type} ${name}`;
const byName = (resources: Registered[], name: string) => {
  const found = resources.find((resource) => resource.name === name);
  if (!found) throw new Error(`no resource ${name}`);
  return found;
};
const known = <T>(output: pulumi.Output<T>) => new Promise<T>((resolve) => output.apply(resolve));

test("the lab site registers exactly these resources", async () => {
  const { resources } = await graph();
  expect(resources.map(line).sort()).toEqual(
    [
      ". <- plinth:site:Site site",
      "site <- plinth:talos:TalosCluster site",
      "site <- talos:machine/secrets:Secrets site-secrets",
      ...["cp-1", "cp-2", "cp-3", "worker-1", "worker-2"].map(
        (key) => `site <- talos:machine/configurationApply:ConfigurationApply site-${key}`,
      ),
      "site <- plinth:talos:Bootstrap site-bootstrap",
      "site <- talos:cluster/kubeconfig:Kubeconfig site-kubeconfig",
      "site <- plinth:talos:ClusterRelease site-release",
      "site <- pulumi:providers:kubernetes site-kubernetes",
      "site <- plinth:site:Facts site-facts",
      "site-facts <- kubernetes:core/v1:Namespace site-facts-namespace",
      "site-facts <- kubernetes:core/v1:ConfigMap site-facts-site",
    ].sort(),
  );
});

test("the secrets bundle is protected, secret as a whole and never made anew", async () => {
  const { resources } = await graph();
  expect(byName(resources, "site-secrets")).toMatchObject({
    protect: true,
    ignoreChanges: ["talosVersion"],
    secretOutputs: ["clientConfiguration", "machineSecrets"],
    inputs: { talosVersion: "v1.13" },
  });
});

test("a machine is configured once, through its own address", async () => {
  const { resources } = await graph();
  const apply = byName(resources, "site-worker-1");
  expect(apply.inputs).toMatchObject({ node: "127.77.0.21", endpoint: "127.77.0.21" });
  expect(apply.ignoreChanges).toEqual([
    "clientConfiguration",
    "machineConfigurationInput",
    "configPatches",
    "node",
    "endpoint",
  ]);
  expect(String(apply.inputs.configPatches)).toContain("hostname: worker-1");
  expect(String(apply.inputs.configPatches)).not.toContain("Layer2VIPConfig");
  expect(String(byName(resources, "site-cp-1").inputs.configPatches)).toContain("Layer2VIPConfig");
});

test("bootstrap goes through one node's own address, after every control plane is configured", async () => {
  const { resources } = await graph();
  const bootstrap = byName(resources, "site-bootstrap");
  expect(bootstrap.inputs).toMatchObject({
    node: "127.77.0.11",
    controlPlanes: ["127.77.0.11", "127.77.0.12", "127.77.0.13"],
    endpoint: "https://127.77.0.10:6443",
  });
  expect(bootstrap.dependsOn).toEqual(expect.arrayContaining(["site-cp-1", "site-cp-2", "site-cp-3"]));
  expect(byName(resources, "site-kubeconfig").dependsOn).toContain("site-bootstrap");
});

test("the release owns every node, after all of them are configured", async () => {
  const { resources } = await graph();
  const release = byName(resources, "site-release");
  expect(Object.keys(release.inputs.nodes as object)).toEqual(["cp-1", "cp-2", "cp-3", "worker-1", "worker-2"]);
  expect((release.inputs.nodes as Record<string, unknown>)["cp-2"]).toMatchObject({
    type: "controlplane",
    address: "127.77.0.12",
    hostname: "cp-2",
    talos: "v1.13.0",
    kubernetes: "v1.36.3",
    failureDomain: "rack-b",
  });
  expect(release.dependsOn).toEqual(expect.arrayContaining(["site-bootstrap", "site-cp-1", "site-worker-2"]));
  expect(release.inputs.onDestroy).toBe("reset");
});

test("what the site file allows by name reaches the release, and nothing otherwise", async () => {
  expect(byName((await graph()).resources, "site-release").inputs).not.toHaveProperty("allow");
  const site = siteFile();
  site.talos.allow = ["machine.udev"];
  expect(byName((await graph(site)).resources, "site-release").inputs.allow).toEqual(["machine.udev"]);
});

test("where snapshots go reaches the release, and nothing otherwise", async () => {
  expect(byName((await graph()).resources, "site-release").inputs).not.toHaveProperty("backup");
  const site = siteFile();
  site.backup = { store: { path: "/srv/backup" }, passphrase: true };
  const backup = { store: { path: "/srv/backup" }, recipients: [], passphrase: true, keep: 10 };
  expect(byName((await graph(site)).resources, "site-release").inputs.backup).toEqual(backup);
});

test("the talosconfig never names the VIP", async () => {
  const { result } = await graph();
  const talosconfig = await known(pulumi.unsecret(result.talosconfig));
  expect(JSON.parse(talosconfig)).toEqual(["127.77.0.11", "127.77.0.12", "127.77.0.13"]);
});

test("kubeconfig and talosconfig are secret", async () => {
  const { result } = await graph();
  expect(await pulumi.isSecret(result.kubeconfig)).toBe(true);
  expect(await pulumi.isSecret(result.talosconfig)).toBe(true);
  expect(await pulumi.isSecret(result.endpoint)).toBe(false);
});

test("what runs inside the cluster uses its provider, waits for the release and ends with the cluster", async () => {
  const { resources } = await graph();
  for (const name of ["site-facts-namespace", "site-facts-site"]) {
    expect(byName(resources, name).provider).toContain("site-kubernetes");
    expect(byName(resources, name).dependsOn).toContain("site-release");
  }
  // The engine hands it on to the children.
  expect(byName(resources, "site-facts").deletedWith).toBe("site-bootstrap");
  expect(byName(resources, "site-kubernetes").inputs).toMatchObject({
    clusterIdentifier: "cluster-id",
    upsertExistingObjects: "true",
  });
  expect(byName(resources, "site-facts-namespace").inputs).toMatchObject({
    metadata: { annotations: { "pulumi.com/patchFieldManager": "plinth" } },
  });
});

test("machines that are kept keep what runs on them", async () => {
  const site = siteFile();
  site.talos.onDestroy = "keep";
  const { resources } = await graph(site);
  expect(byName(resources, "site-facts").deletedWith).toBe("");
});

test("component facts stay small and public", async () => {
  const { resources } = await graph();
  for (const { custom, inputs, name } of resources.filter((resource) => !resource.custom)) {
    expect(custom).toBe(false);
    expect([name, JSON.stringify(inputs).length]).toEqual([name, expect.any(Number)]);
    expect(JSON.stringify(inputs).length).toBeLessThan(500);
    expect(JSON.stringify(inputs)).not.toMatch(/key|secret|PRIVATE/i);
  }
});

test("the graph is the same in a first preview, when nothing is known yet", async () => {
  const { resources: preview } = await graph(siteFile(), true);
  const { resources } = await graph();
  expect(preview.map(line).sort()).toEqual(resources.map(line).sort());
});

test("a claimed address comes from its pool, and everything that needs it waits for it", async () => {
  const site = siteFile();
  site.pools = { nodes: { range: "127.77.0.100-127.77.0.120" } };
  site.machines["worker-1"].address = { pool: "nodes" };
  const { resources, result } = await graph(site);
  expect(line(byName(resources, "site-pool-nodes"))).toBe("site <- plinth:address:Pool site-pool-nodes");
  expect(byName(resources, "site-worker-1").inputs.node).toBe("127.77.0.100");
  expect(byName(resources, "site-worker-1").dependsOn).toContain("site-pool-nodes");
  expect(byName(resources, "site-cp-1").dependsOn).not.toContain("site-pool-nodes");
  expect(await known(result.nodes)).toMatchObject({ "worker-1": "127.77.0.100", "cp-1": "127.77.0.11" });
});

test("bad input ends the program with every problem, before anything is registered", async () => {
  const site = siteFile();
  delete site.machines["cp-3"];
  site.talos.version = "v1.99.0";
  await expect(graph(site)).rejects.toThrow(/2 problems; nothing was changed:/);
});

describe("a passphrase that the site file names", () => {
  const site = (): SiteFile => {
    const file = siteFile();
    file.talos.encryption = { ephemeral: [{ by: "nodeId" }, { by: "passphrase", secret: "recovery" }] };
    return file;
  };
  const PASSPHRASE = "correct horse battery staple";

  test("reaches every machine as a secret, and everything else of the node stays readable", async () => {
    const { resources } = await recordGraph(
      () =>
        new Site("site", {
          site: site(),
          secret: (key) => (key === "recovery" ? pulumi.output(PASSPHRASE) : undefined),
        }),
      answers,
    );
    const release = byName(resources, "site-release").inputs as Record<string, Record<string, unknown>>;
    expect(JSON.stringify(release.nodes)).toContain("HostnameConfig");
    expect(JSON.stringify(release.nodes)).not.toContain("VolumeConfig");
    expect(pulumi.runtime.isRpcSecret(release.secretPatches)).toBe(true);
    const patches = pulumi.runtime.unwrapRpcSecret(release.secretPatches);
    expect(Object.keys(patches).sort()).toEqual(["cp-1", "cp-2", "cp-3", "worker-1", "worker-2"]);
    expect(patches["cp-1"]).toEqual([expect.stringContaining(PASSPHRASE)]);
    const apply = byName(resources, "site-cp-1").inputs;
    expect(pulumi.runtime.isRpcSecret(apply.configPatches)).toBe(true);
    const open = resources.map(({ inputs }) => JSON.stringify(withoutSecrets(inputs)));
    expect(open.filter((text) => text.includes(PASSPHRASE))).toEqual([]);
  });

  test("and that the stack has not is refused with the machines that need it", async () => {
    await expect(recordGraph(() => new Site("site", { site: site() }), answers)).rejects.toThrow(
      /cp-1, cp-2, cp-3, worker-1, worker-2: this stack has no secret "recovery" \(pulumi config set --secret secrets:recovery/,
    );
  });
});

describe("a secret that the platform wants of the stack", () => {
  const site = (): SiteFile => {
    const file = siteFile("home");
    file.platform = { tailscale: { routes: ["10.0.3.0/27"] } };
    return file;
  };

  test("reaches the part that names it, and nobody can read it", async () => {
    const { resources } = await recordGraph(
      () =>
        new Site("site", {
          site: site(),
          secret: (key) => (key.startsWith("tailscale-") ? pulumi.output(`the ${key}`) : undefined),
        }),
      answers,
    );
    const { stringData } = byName(resources, "site-platform-tailscale-oauth").inputs;
    expect(pulumi.runtime.isRpcSecret(stringData)).toBe(true);
    expect(pulumi.runtime.unwrapRpcSecret(stringData)).toEqual({
      client_id: "the tailscale-client-id",
      client_secret: "the tailscale-client-secret",
    });
  });

  test("and that the stack has not is refused with the parts that need it", async () => {
    await expect(recordGraph(() => new Site("site", { site: site() }), answers)).rejects.toThrow(
      /platform\.tailscale: tailscale: this stack has no secret "tailscale-client-id" \(pulumi config set --secret secrets:tailscale-client-id\)/,
    );
  });
});

describe("machines that ran before plinth", () => {
  const site = (): SiteFile => {
    const file = siteFile();
    for (const key of ["cp-1", "cp-2", "cp-3", "worker-1"]) Object.assign(file.machines[key], { adopted: true });
    return file;
  };
  const bundle = (name: string) => (name === "bundle" ? pulumi.output(JSON.stringify(BUNDLE)) : undefined);
  const BUNDLE = {
    machineSecrets: { certs: { os: { key: "os-key" }, k8s: { cert: "ca-of-old" } }, cluster: { id: "old" } },
    clientConfiguration: { caCertificate: "ca", clientCertificate: "crt", clientKey: "client-key" },
  };

  test("get no first configuration and no new secrets; one that is added does", async () => {
    const { resources } = await recordGraph(() => new Site("site", { site: site(), secret: bundle }), answers);
    const names = resources.map(({ name }) => name);
    expect(names).not.toContain("site-secrets");
    expect(resources.filter(({ type }) => type.endsWith("ConfigurationApply")).map(({ name }) => name)).toEqual([
      "site-worker-2",
    ]);
    const bootstrap = byName(resources, "site-bootstrap").inputs;
    expect(pulumi.runtime.unwrapRpcSecret(bootstrap.kubernetesCa)).toBe("ca-of-old");
    const open = resources.map(({ inputs }) => JSON.stringify(withoutSecrets(inputs)));
    expect(open.filter((text) => /os-key|client-key/.test(text))).toEqual([]);
    const release = byName(resources, "site-release").inputs as Record<string, Record<string, unknown>>;
    expect(release.nodes?.["cp-1"]).toMatchObject({ adopted: true });
  });

  test("are refused without their cluster's secrets: new ones would not fit", async () => {
    await expect(recordGraph(() => new Site("site", { site: site() }), answers)).rejects.toThrow(
      /machines\.cp-1\.adopted: cp-1, cp-2, cp-3, worker-1 ran before plinth, and this stack has not their cluster's secrets/,
    );
  });
});

/** Inputs as anybody may read them. */
function withoutSecrets(value: unknown): unknown {
  if (pulumi.runtime.isRpcSecret(value)) return "[secret]";
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSecrets(inner)]));
}
