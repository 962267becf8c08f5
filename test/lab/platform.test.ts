import { execFileSync } from "node:child_process";
import { readState } from "../../lab/engine/engine";
import { Instance } from "../../lab/instance/instance";
import { readIngredients } from "../../lab/status/ingredients";
import type { LabStatus } from "../../lab/status/status";
import { lab, mustLab, StackFile } from "../support/lab";

/**
 * The standard platform in one lab: brought up from nothing, changed, an upgrade of it failed and mended, and destroyed.
 * The tests run in order and each goes on where the last one stopped.
 */
jest.setTimeout(900_000);

const NAME = "test-platform";
const instance = new Instance(NAME);
const site = new StackFile("lab-platform");

interface Release {
  readonly name: string;
  readonly revision: string;
  readonly status: string;
}

/** Every release as Helm itself sees it. */
async function releases(): Promise<Record<string, { revision: string; status: string }>> {
  const list: Release[] = JSON.parse(await mustLab(NAME, "helm", "list", "--all-namespaces", "--all", "-o", "json"));
  return Object.fromEntries(list.map(({ name, revision, status }) => [name, { revision, status }]));
}

async function kubectl(...args: string[]): Promise<string> {
  return mustLab(NAME, "kubectl", ...args);
}

async function get(...args: string[]) {
  return JSON.parse(await kubectl("get", ...args, "-o", "json"));
}

/** What the API server says to an object that is not to be admitted. */
async function refusal(object: object): Promise<string> {
  const kubectlPath = readIngredients(instance)?.tools.kubectl?.path ?? "";
  try {
    execFileSync(kubectlPath, ["--kubeconfig", instance.kubeconfig, "create", "--dry-run=server", "-f", "-"], {
      input: JSON.stringify(object),
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
    });
    return "";
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

const ingress = (name: string) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name, namespace: "default" },
  spec: {
    ingressClassName: "nginx",
    rules: [
      {
        host: "shop.lab.example.org",
        http: {
          paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "shop", port: { number: 80 } } } }],
        },
      },
    ],
  },
});

beforeAll(async () => {
  await mustLab(NAME, "reset");
});

afterAll(async () => {
  await lab(NAME, ["reset"]);
  site.remove();
});

describe("the standard platform in a lab", () => {
  it("comes up from nothing behind its gates", async () => {
    const out = await mustLab(NAME, "up", "--site", site.path);
    expect(out).toMatch(/charts: +real, out of Go modules: cilium .*metallb .*; stood in for: ingress-nginx/);
    expect(out).toMatch(/metallb-controller \(1 of 1 pods ready\)/);
    expect(Object.values(await releases()).map(({ revision, status }) => `${revision} ${status}`)).toEqual(
      Array(3).fill("1 deployed"),
    );
    const status: LabStatus = JSON.parse(await mustLab(NAME, "status", "--json"));
    expect(status.nodes?.map(({ ready }) => ready)).toEqual([true, true, true]);
    expect(status.unimplemented).toEqual([]);
  });

  it("gives the ingress an address of its pool, and registers what operators register", async () => {
    const { items } = await get("ipaddresspools", "-n", "metallb-system");
    const [range] = items[0].spec.addresses;
    const service = await get("service", "ingress-nginx-controller", "-n", "ingress-nginx");
    expect(range).toContain(service.status.loadBalancer.ingress[0].ip);
    const crds: string[] = (await kubectl("get", "crds", "-o", "name")).split("\n");
    expect(crds).toContain("customresourcedefinition.apiextensions.k8s.io/ciliumnetworkpolicies.cilium.io");
    expect((await get("ciliumnodes")).items).toHaveLength(3);
  });

  it("has webhooks that really judge", async () => {
    const pool = (addresses: string[], namespace = "metallb-system") => ({
      apiVersion: "metallb.io/v1beta1",
      kind: "IPAddressPool",
      metadata: { name: "second", namespace },
      spec: { addresses },
    });
    const { items } = await get("ipaddresspools", "-n", "metallb-system");
    expect(await refusal(pool(["203.0.113.1-203.0.113.9"]))).toBe("");
    expect(await refusal(pool(items[0].spec.addresses))).toMatch(/overlaps with already defined CIDR/);
    expect(await refusal(pool(["203.0.113.1-203.0.113.9"], "default"))).toMatch(/must be created in metallb-system/);
    // The schema is the upstream's own.
    expect(await refusal({ ...pool([]), spec: { adresses: [] } })).toMatch(
      /strict decoding error|unknown field|Required/,
    );

    execFileSync(
      readIngredients(instance)?.tools.kubectl?.path ?? "",
      ["--kubeconfig", instance.kubeconfig, "create", "-f", "-"],
      {
        input: JSON.stringify(ingress("first")),
      },
    );
    expect(await refusal(ingress("second"))).toMatch(/host "shop.lab.example.org" and path "\/" is already defined/);
    await kubectl("wait", "ingress/first", "--for=jsonpath={.status.loadBalancer.ingress}", "--timeout=60s");
    await kubectl("delete", "ingress", "first");
  });

  it("has nothing to change the second time", async () => {
    await mustLab(NAME, "preview", "--expect-no-changes");
    expect((await lab(NAME, ["up"])).stderr).toContain("nothing had to change");
  });

  it("touches one release alone when its values change", async () => {
    const before = await releases();
    site.edit((file) => {
      file.platform["ingress-nginx"].values = { controller: { config: { "use-gzip": "true" } } };
    });
    const { code, stderr } = await lab(NAME, ["up"]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const updated = [...stderr.matchAll(/^ {2}(?:updated|created|replaced|deleted) (\S+) (\S+)/gm)].map(
      ([, type, name]) => `${type} ${name}`,
    );
    expect(updated.filter((line) => !line.includes("ingress-nginx"))).toEqual([]);
    expect(updated.filter((line) => line.startsWith("Release"))).toHaveLength(1);
    expect(await releases()).toEqual({ ...before, "ingress-nginx": { revision: "2", status: "deployed" } });
    const { data } = await get("configmap", "ingress-nginx-controller", "-n", "ingress-nginx");
    expect(data).toEqual({ "use-gzip": "true" });
  });

  it("goes back by itself from an upgrade that fails, and on from there", async () => {
    site.edit((file) => {
      file.platform["ingress-nginx"].values.controller.tolerations = [{ key: "a", operator: "Nonsense" }];
    });
    const failed = await lab(NAME, ["up"]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/rolled back due to atomic being set/);
    expect((await releases())["ingress-nginx"]).toEqual({ revision: "4", status: "deployed" });
    const { data } = await get("configmap", "ingress-nginx-controller", "-n", "ingress-nginx");
    expect(data).toEqual({ "use-gzip": "true" });

    site.edit((file) => {
      file.platform["ingress-nginx"].values.controller.tolerations = [{ key: "a", operator: "Exists" }];
    });
    await mustLab(NAME, "up");
    expect((await releases())["ingress-nginx"]).toEqual({ revision: "5", status: "deployed" });
    const { spec } = await get("deployment", "ingress-nginx-controller", "-n", "ingress-nginx");
    expect(spec.template.spec.tolerations).toEqual([{ key: "a", operator: "Exists" }]);
    await mustLab(NAME, "preview", "--expect-no-changes");
  });

  it("shows a broken controller as its users would see it", async () => {
    await mustLab(NAME, "fault", "controller/metallb-controller", "crash");
    await kubectl(
      ...["wait", "deployment/metallb-controller", "-n", "metallb-system"],
      ...["--for=condition=Available=false", "--timeout=60s"],
    );
    expect(await mustLab(NAME, "status")).toMatch(/metallb-controller \(0 of 1 pods ready; broken: crash\)/);
    await mustLab(NAME, "fault", "controller/metallb-controller", "none");
    await kubectl(
      "wait",
      "deployment/metallb-controller",
      "-n",
      "metallb-system",
      "--for=condition=Available",
      "--timeout=60s",
    );
    const unknown = await lab(NAME, ["fault", "controller/nobody", "crash"]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain("name one of controller/cilium-agent");
  });

  it("is gone after a destroy", async () => {
    await mustLab(NAME, "destroy");
    const left = (readState(instance)?.resources ?? []).map(({ type }) => type);
    expect(left.filter((type) => /kubernetes|platform/.test(type))).toEqual([]);
  });
});
