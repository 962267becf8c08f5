import { createHash, X509Certificate } from "node:crypto";
import { availableParallelism, loadavg } from "node:os";
import { readState } from "../../lab/engine/engine";
import { Instance } from "../../lab/instance/instance";
import type { LabStatus } from "../../lab/status/status";
import { AcmeServer } from "../support/acme";
import { lab, mustLab, StackFile } from "../support/lab";
import { eventually, PlatformLab } from "../support/platformlab";
import { ask, lookUp, mayOpenEveryPort, seal } from "../support/reached";
import { type ChartVersion, WidgetsProject } from "../support/widgets";
import { vaultTests } from "./vault";

/**
 * The standard platform in one lab: brought up from nothing, changed, an upgrade of it failed and mended, and destroyed.
 * The tests run in order and each goes on where the last one stopped.
 */
jest.setTimeout(900_000);

const NAME = "test-platform";
const instance = new Instance(NAME);
const site = new StackFile("lab-platform");
/** What the site file exposes. */
const HOST = "dns.lab.example.org";
const PRIVATE = "private.lab.example.org";
let acme: AcmeServer | undefined;

const platform = new PlatformLab(NAME);
const { releases, kubectl, get, create, text, address, updated, refusal } = platform;

/** The zone as PowerDNS shows it through the ingress, and so through everything that is between. */
async function zone({ key, ca }: { readonly key?: string; readonly ca?: string } = {}) {
  const { status, body } = await ask(await address("ingress-nginx-controller", "ingress-nginx"), HOST, {
    path: "/api/v1/servers/localhost/zones/lab.example.org",
    ca: ca ?? (await text("ca-own", "cert-manager", "tls.crt")),
    headers: { "X-API-Key": key ?? (await text("powerdns-api-key", "powerdns", "key")) },
  });
  const { rrsets }: { rrsets: { name: string; type: string; records: { content: string }[] }[] } =
    status === 200 ? JSON.parse(body) : { rrsets: [] };
  const records = Object.fromEntries(
    rrsets.map(({ name, type, records }) => [`${name} ${type}`, records.map(({ content }) => content)]),
  );
  return { status, records };
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

// The lab opens a Service's own ports, as 443 and 53, which takes a user who may.
const served = mayOpenEveryPort()
  ? it
  : (name: string, _: () => Promise<void>) =>
      it.skip(`${name} (needs root, or net.ipv4.ip_unprivileged_port_start=53)`);
beforeAll(async () => {
  await mustLab(NAME, "reset");
});

afterAll(async () => {
  await acme?.stop();
  await lab(NAME, ["reset"]);
  site.remove();
});

describe("the standard platform in a lab", () => {
  it("comes up from nothing behind its gates", async () => {
    const out = await mustLab(NAME, "up", "--site", site.path);
    const upAt = Date.now();
    expect(out).toMatch(
      /charts: +real, out of Go modules: cilium .*metallb .*sealed-secrets .*cert-manager .*; stood in for: ingress-nginx .*local-path-provisioner .*localpv-provisioner .*reloader .*external-dns/,
    );
    expect(out).toMatch(/metallb-controller \(1 of 1 pods ready\)/);
    expect(Object.values(await releases()).map(({ revision, status }) => `${revision} ${status}`)).toEqual(
      Array(11).fill("1 deployed"),
    );
    // From the cluster's first breath: what is built once for every lab is not counted. Under a minute on an idle machine
    // of two cores; one that is busier has less to give.
    const { metadata } = await get("namespace", "kube-system");
    const seconds = (upAt - Date.parse(metadata.creationTimestamp)) / 1000;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(240 * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism()));
    const status: LabStatus = JSON.parse(await mustLab(NAME, "status", "--json"));
    expect(status.nodes?.map(({ ready }) => ready)).toEqual([true, true, true, true]);
    expect(status.unimplemented).toEqual([]);
  });

  it("gives the ingress an address of its pool, and registers what operators register", async () => {
    const { items } = await get("ipaddresspools", "-n", "metallb-system");
    const [range] = items[0].spec.addresses;
    const service = await get("service", "ingress-nginx-controller", "-n", "ingress-nginx");
    expect(range).toContain(service.status.loadBalancer.ingress[0].ip);
    const crds: string[] = (await kubectl("get", "crds", "-o", "name")).split("\n");
    expect(crds).toContain("customresourcedefinition.apiextensions.k8s.io/ciliumnetworkpolicies.cilium.io");
    expect((await get("ciliumnodes")).items).toHaveLength(4);
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

    await create(ingress("first"));
    expect(await refusal(ingress("second"))).toMatch(/host "shop.lab.example.org" and path "\/" is already defined/);
    await kubectl("wait", "ingress/first", "--for=jsonpath={.status.loadBalancer.ingress}", "--timeout=60s");
    await kubectl("delete", "ingress", "first");
  });

  served(
    "serves HTTPS for what one line of the site file exposes, by a certificate of the site's own authority",
    async () => {
      const { hosts, secretName } = (await get("ingress", "dns", "-n", "powerdns")).spec.tls[0];
      expect([hosts, secretName]).toEqual([["dns.lab.example.org"], "dns-tls"]);
      // What external-dns has written for this very host, into the zone that PowerDNS was told of.
      const ingress = await address("ingress-nginx-controller", "ingress-nginx");
      const { status, records } = await eventually(zone, (found) => `${HOST}. A` in found.records);
      expect(status).toBe(200);
      expect(records).toMatchObject({ "lab.example.org. NS": ["ns1.lab.example.org."], [`${HOST}. A`]: [ingress] });
      expect((await zone({ key: "wrong" })).status).toBe(401);
      await expect(zone({ ca: await text("metallb-webhook-cert", "metallb-system", "ca.crt") })).rejects.toThrow(
        /certificate/,
      );
      expect(await ask(ingress, HOST, { path: "/a?b=c" })).toMatchObject({
        status: 308,
        location: `https://${HOST}/a?b=c`,
      });
      expect(await ask(ingress, "shop.lab.example.org", { path: "/" })).toMatchObject({ status: 404 });
    },
  );

  served("lets only those in who know the password, where the site file asks for one", async () => {
    const digest = createHash("sha1").update("open sesame").digest("base64");
    site.set("secrets:users", `ali:{SHA}${digest}`);
    site.edit((file) => {
      file.platform.expose.private = { ...file.platform.expose.dns, host: PRIVATE, auth: { basic: "users" } };
    });
    const touched = await updated();
    expect(touched.filter((line) => !line.includes("expose-private"))).toEqual(["Platform site-platform"]);
    const ca = await text("ca-own", "cert-manager", "tls.crt");
    const key = await text("powerdns-api-key", "powerdns", "key");
    const enter = async (authorization: object) =>
      ask(await address("ingress-nginx-controller", "ingress-nginx"), PRIVATE, {
        path: "/api/v1/servers/localhost/zones/lab.example.org",
        ca,
        headers: { "X-API-Key": key, ...authorization },
      });
    const basic = (password: string) => ({
      Authorization: `Basic ${Buffer.from(`ali:${password}`).toString("base64")}`,
    });
    expect(await enter({})).toMatchObject({ status: 401, body: expect.stringMatching(/Authorization Required/) });
    expect(await enter(basic("open barley"))).toMatchObject({ status: 401 });
    expect(await enter(basic("open sesame"))).toMatchObject({ status: 200, body: expect.stringMatching(/rrsets/) });
  });

  served("has a certificate from an ACME server, which sees in PowerDNS that the name is the site's", async () => {
    await create({
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      metadata: { name: "acme-server", namespace: "default" },
      spec: {
        secretName: "acme-server",
        dnsNames: ["localhost"],
        ipAddresses: ["127.0.0.1"],
        issuerRef: { kind: "ClusterIssuer", name: "own" },
      },
    });
    await kubectl("wait", "certificate/acme-server", "--for=condition=Ready", "--timeout=60s");
    const ca = await text("acme-server", "default", "ca.crt");
    acme = await AcmeServer.start({
      certificate: await text("acme-server", "default", "tls.crt"),
      key: await text("acme-server", "default", "tls.key"),
      ca,
      dns: `${await address("powerdns", "powerdns")}:53`,
    });
    const { directory } = acme;
    site.edit((file) => {
      const account = { email: "admin@lab.example.org", server: directory, caBundle: ca, solver: "powerdns" };
      file.platform["cert-manager"].issuers.public = { acme: account };
      file.platform.expose.private.tls = "public";
    });
    const touched = await updated();
    expect(touched.filter((line) => line.startsWith("Release"))).toEqual([
      "Release site-platform-dns-solver-chart-release",
    ]);
    const root = await acme.root();
    const page = { path: "/", ca: root };
    const entered = await eventually(
      async () => ask(await address("ingress-nginx-controller", "ingress-nginx"), PRIVATE, page),
      ({ status }) => status === 401,
    );
    expect(entered.body).toMatch(/Authorization Required/);
    const signed = new X509Certificate(await text("private-tls", "powerdns", "tls.crt"));
    expect([signed.issuer, signed.subjectAltName]).toEqual([
      expect.stringMatching(/Pebble Intermediate/),
      `DNS:${PRIVATE}`,
    ]);
    expect(acme.log).toMatch(/authz \S+ set VALID by completed challenge/);
    // What showed it is gone again.
    expect(Object.keys((await zone()).records).filter((record) => record.includes("_acme-challenge"))).toEqual([]);
  });

  served("answers for its zone by DNS, at the address that the site file gives it", async () => {
    const server = await address("powerdns", "powerdns");
    expect(server).toMatch(/\.201$/);
    expect(await lookUp(server, HOST)).toEqual([await address("ingress-nginx-controller", "ingress-nginx")]);
    expect(await lookUp(server, "nobody.lab.example.org")).toEqual("NXDOMAIN");
  });

  it("makes a volume on a machine that has the folder, and removes it with its claim", async () => {
    const metadata = { name: "books", namespace: "default" };
    await create({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata,
      spec: {
        storageClassName: "openebs-hostpath",
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "1Gi" } },
      },
    });
    await create({
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: {
        containers: [{ name: "reader", image: "reader", volumeMounts: [{ name: "books", mountPath: "/books" }] }],
        volumes: [{ name: "books", persistentVolumeClaim: { claimName: "books" } }],
      },
    });
    await kubectl("wait", "pvc/books", "--for=jsonpath={.status.phase}=Bound", "--timeout=90s");
    const { volumeName } = (await get("pvc", "books")).spec;
    const { local, nodeAffinity } = (await get("pv", volumeName)).spec;
    expect(local.path).toBe(`/var/mnt/openebs/${volumeName}`);
    const [{ key, values }] = nodeAffinity.required.nodeSelectorTerms[0].matchExpressions;
    expect([key, values]).toEqual(["kubernetes.io/hostname", ["worker-1"]]);
    await kubectl("wait", "pod/books", "--for=condition=Ready", "--timeout=60s");
    expect((await get("pod", "books")).spec.nodeName).toBe("worker-1");
    await kubectl("delete", "pod/books", "pvc/books");
    await kubectl("wait", `pv/${volumeName}`, "--for=delete", "--timeout=60s");
  });

  it("opens what was sealed for its key, and only where it was sealed for", async () => {
    const certificate = await kubectl(
      ...[
        "get",
        "--raw",
        "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:http/proxy/v1/cert.pem",
      ],
    );
    const sealed = (name: string) => ({
      apiVersion: "bitnami.com/v1alpha1",
      kind: "SealedSecret",
      metadata: { name, namespace: "default" },
      spec: { encryptedData: { word: seal(certificate, "default/shop", "plugh") }, template: { type: "Opaque" } },
    });
    await create(sealed("shop"));
    await create(sealed("stolen"));
    for (const [name, state] of Object.entries({ shop: "True", stolen: "False" })) {
      await kubectl(
        ...["wait", `sealedsecret/${name}`, `--for=jsonpath={.status.conditions[0].status}=${state}`, "--timeout=60s"],
      );
    }
    expect(await text("shop", "default", "word")).toBe("plugh");
    await kubectl("delete", "sealedsecret", "shop", "stolen");
  });

  served("restarts what reads a file that has changed, and leaves the rest alone", async () => {
    const before = await releases();
    site.edit((file) => {
      const [zone] = Object.values<{ nameservers: Record<string, string> }>(file.platform.powerdns.zones);
      if (zone) zone.nameservers["ns2.lab.example.org"] = "127.77.0.202";
    });
    expect(await updated()).toEqual([
      "ConfigMap site-platform-powerdns-config",
      "StatefulSet site-platform-powerdns-server",
      "Gate site-platform-powerdns-exit",
    ]);
    expect(await releases()).toEqual(before);
    const { records } = await eventually(zone, (found) => found.records["lab.example.org. NS"]?.length === 2);
    expect(records["lab.example.org. NS"]).toEqual(["ns1.lab.example.org.", "ns2.lab.example.org."]);
    // What was written into the zone before is still there.
    expect(records).toHaveProperty([`${HOST}. A`]);
    await mustLab(NAME, "preview", "--expect-no-changes");
  });

  vaultTests(platform, site);

  it("has nothing to change the second time", async () => {
    await mustLab(NAME, "preview", "--expect-no-changes");
  });

  it("touches one release alone when its values change", async () => {
    const before = await releases();
    site.edit((file) => {
      file.platform["ingress-nginx"].values = { controller: { config: { "use-gzip": "true" } } };
    });
    const touched = await updated();
    expect(touched.filter((line) => !line.includes("ingress-nginx"))).toEqual([]);
    expect(touched.filter((line) => line.startsWith("Release"))).toHaveLength(1);
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

  describe("with somebody's own chart in it", () => {
    const old: ChartVersion = { version: "1.0.0", fields: ["size"] };
    const next: ChartVersion = { version: "1.1.0", fields: ["size", "colour"] };
    let project: WidgetsProject;
    const history = async (): Promise<string[]> => {
      const out = await mustLab(NAME, ...["helm", "history", "sealed-secrets", "-n", "widgets", "-o", "json"]);
      const list: { revision: number; status: string; chart: string }[] = JSON.parse(out);
      return list.map(({ revision, status, chart }) => `${revision} ${status} ${chart.replace("sealed-secrets-", "")}`);
    };
    const workload = async () => (await get("deployment", "widgets", "-n", "widgets")).spec.template;
    const must = async (...[operation, chart, pool]: Parameters<WidgetsProject["run"]>): Promise<string> => {
      const { code, output } = await project.run(operation, chart, pool);
      if (code !== 0) throw new Error(output);
      return output;
    };

    beforeAll(() => {
      project = new WidgetsProject(instance);
    });
    afterAll(() => project.remove());

    let upgrade = "";
    it("begins an upgrade only when the backup before it is there", async () => {
      // Where nothing runs there is nothing to back up.
      await must("up", old);
      expect((await get("widget", "one", "-n", "widgets")).spec).toEqual({ size: "1.0.0" });
      let looks = () => {};
      const looking = new Promise<void>((resolve) => {
        looks = resolve;
      });
      const upgraded = project.run("up", next, undefined, (output) => {
        if (/Gate widgets-guard updating/.test(output)) looks();
      });
      await Promise.race([looking, upgraded]);
      expect(await history()).toEqual(["1 deployed 1.0.0"]);
      await create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "before-1.1.0", namespace: "widgets" } });
      const { code, output } = await upgraded;
      expect({ code, output }).toMatchObject({ code: 0 });
      expect(output).toMatch(/Gate widgets-guard updated[\s\S]*Release widgets-chart-release updating/);
      upgrade = output;
    });

    it("upgrades CRDs before the chart that has objects of their new fields", async () => {
      // The API server would have refused the chart's Widget by the old schema.
      expect((await get("widget", "one", "-n", "widgets")).spec).toEqual({ size: "1.1.0", colour: "1.1.0" });
      expect(upgrade).toMatch(/CrdBundle widgets-crds updated[\s\S]*Release widgets-chart-release updating/);
      expect(await history()).toEqual(["1 superseded 1.0.0", "2 deployed 1.1.0"]);
      await must("unchanged", next);
    });

    it("goes back from an upgrade that never gets ready, and state and cluster agree", async () => {
      const { code, output } = await project.run("up", next, "nobody");
      expect({ code, output }).toMatchObject({ code: 1 });
      expect(output).toMatch(/has been rolled back due to atomic being set/);
      expect(await history()).toEqual([
        "1 superseded 1.0.0",
        "2 superseded 1.1.0",
        "3 failed 1.1.0",
        "4 deployed 1.1.0",
      ]);
      expect((await workload()).spec.nodeSelector).toBeUndefined();

      // What is outstanding is told, whether it is still wanted or not.
      expect(await must("preview", next, "nobody")).toMatch(/Release widgets-chart-release +update/);
      expect(await must("preview", next)).toMatch(/Release widgets-chart-release +update/);
      await must("up", next);
      expect((await history()).at(-1)).toBe("5 deployed 1.1.0");
      await must("unchanged", next);
      await must("destroy", next);
      expect(await mustLab(NAME, "helm", "list", "--all", "-n", "widgets", "-q")).toBe("");
    });
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
    expect(unknown.stderr).toMatch(/name one of .*controller\/cilium-agent/);
  });

  it("is gone after a destroy", async () => {
    await mustLab(NAME, "destroy");
    // Of the platform only its keep stays, and of the cluster what would make it again as it was.
    const left = (readState(instance)?.resources ?? []).map(({ type }) => type);
    expect(left.filter((type) => /kubernetes|plinth:(?!site:Site)/.test(type)).sort()).toEqual([
      "plinth:platform:Platform",
      "plinth:secrets:Keep",
      "plinth:talos:TalosCluster",
    ]);
    expect(left.filter((type) => /random|tls/.test(type)).length).toBeGreaterThan(0);
  });
});
