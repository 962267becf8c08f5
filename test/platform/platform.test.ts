import { neededSecrets } from "../../components/platform/plan";
import { formatProblem } from "../../components/problem";
import { nodeModel } from "../../components/site/nodes";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { siteFile } from "../support/site";

const metallb = { pools: { lan: { range: "10.0.3.4-10.0.3.20" } } };
const home = (platform: unknown, edit: (site: ReturnType<typeof siteFile>) => void = () => undefined) => {
  const site = { ...siteFile("home"), platform };
  for (const machine of Object.values<{ labels?: object }>(site.machines)) delete machine.labels;
  edit(site);
  return site;
};
const problems = (platform: unknown, edit?: (site: ReturnType<typeof siteFile>) => void) =>
  checkSite(home(platform, edit)).problems.map(formatProblem);
const plan = (platform: unknown) => planSite(parseSite(home(platform)));

const git = { host: "git.home.example.org", to: "git/gitea-http:3000" };
const everything = {
  metallb,
  "ingress-nginx": {},
  "local-path": {},
  seaweedfs: {},
  "sealed-secrets": {},
  vault: { members: 1 },
  "external-secrets": { generated: { git: { namespaces: ["git"] } } },
  reloader: {},
  powerdns: {
    address: "10.0.3.5",
    zones: { "home.example.org": { nameservers: { "ns1.home.example.org": "10.0.3.5" } } },
  },
  "cert-manager": { issuers: { public: { acme: { email: "a@example.org", solver: "powerdns" } } } },
  "external-dns": {},
  expose: { git },
};

describe("the platform of a site file", () => {
  test("is ordered by needs: network, addresses, ingress", () => {
    const { platform } = plan({ metallb, "ingress-nginx": { pool: "lan" } });
    expect(platform?.phases.map(({ services }) => services)).toEqual([["cilium"], ["metallb"], ["ingress-nginx"]]);
    expect(platform?.phases.map(({ exit }) => exit)).toEqual([["network"], ["load-balancer"], ["ingress"]]);
  });

  test("everything at once has an order in which nothing waits in a circle", () => {
    const { platform } = plan(everything);
    expect(platform?.phases.map(({ services }) => services.join(" "))).toEqual([
      "cilium",
      "cert-manager local-path metallb reloader sealed-secrets",
      "ingress-nginx powerdns seaweedfs vault",
      "dns-solver external-dns external-secrets",
      "issuers",
      "expose-git",
    ]);
  });

  test("a part that keeps data on a machine has its folder there, and on no other machine", () => {
    const site = plan({ "local-path": { machines: ["worker-1"] }, openebs: { default: false } });
    const folders = site.nodes.map((node) => [node.key, nodeModel(site, node, { address: "10.0.1.10" }).directories]);
    expect(folders).toEqual([
      ["controller-0", []],
      ["controller-1", []],
      ["controller-2", []],
      ["worker-0", ["openebs"]],
      ["worker-1", ["local-path", "openebs"]],
    ]);
    expect(
      plan({ "local-path": {} }).platform?.services.find(({ name }) => name === "local-path")?.directory?.nodes,
    ).toEqual(["worker-0", "worker-1"]);
  });

  test("names every secret of the stack that it cannot do without, and who wants it", () => {
    const secrets = neededSecrets(
      plan({ ...everything, expose: { git: { ...git, auth: { basic: "users" } } } }).platform?.services ?? [],
    );
    expect(secrets).toEqual([{ secret: "users", path: "platform.expose.git", users: ["expose-git"] }]);
  });

  test("says which file a mirror of charts does not hold", () => {
    const mirrored = { charts: { mirror: "oci://registry.local/charts" }, cilium: { gateway: true } };
    expect(plan(mirrored).warnings).toContainEqual(
      expect.stringMatching(/^cilium: gateway-api \(github\.com\) is a plain file, which platform\.charts\.mirror/),
    );
    const told = (platform: object) => plan(platform).warnings.filter((each) => each.includes("plain file"));
    expect(told({ ...mirrored, cilium: {} })).toEqual([]);
    expect(told({ cilium: { gateway: true } })).toEqual([]);
  });

  test("without a section there is none, and kube-proxy stays", () => {
    const bare = plan(undefined);
    expect(bare.platform).toBeUndefined();
    const [node] = bare.nodes;
    if (node === undefined) throw new Error("no node");
    expect(nodeModel(bare, node, { address: "10.0.1.10" }).kubeProxy).toBeUndefined();
    expect(nodeModel(plan({}), node, { address: "10.0.1.10" }).kubeProxy).toBe(false);
  });

  test("waits for every node of the site", () => {
    const cilium = plan({}).platform?.services[0];
    expect(Object.keys(cilium?.entry ?? {})).toEqual(
      ["controller-0", "controller-1", "controller-2", "worker-0", "worker-1"].map(
        (node) => `node ${node} is registered`,
      ),
    );
  });

  test("a flannel site needs no Cilium", () => {
    const site = {
      ...siteFile(),
      network: { ...siteFile().network },
      platform: { metallb: { pools: { lan: { range: "127.77.0.200-127.77.0.210" } } } },
    };
    const { platform } = planSite(parseSite(site));
    expect(platform?.services.map(({ name }) => name)).toEqual(["metallb"]);
    expect(platform?.brings).toBe("network");
  });

  test("values of the site file win over plinth's, key by key", () => {
    const chart = plan({ cilium: { values: { hubble: { ui: { enabled: false } }, MTU: 1400 } } }).platform?.services[0]
      ?.chart;
    expect(chart?.values).toMatchObject({
      MTU: 1400,
      hubble: { enabled: true, ui: { enabled: false, rollOutPods: true } },
    });
  });
});

describe("a platform that cannot be is refused with every problem at once", () => {
  test("a pool outside the network, over the VIP, over another pool", () => {
    const pools = {
      far: { range: "192.168.7.0/28" },
      vip: { range: "10.0.3.0/28" },
      twin: { range: "10.0.3.15-10.0.3.30" },
      told: { range: "198.51.100.0/28", mode: "bgp" },
    };
    expect(problems({ metallb: { pools } })).toEqual([
      "platform.metallb.pools.far.range: lies outside network.cidr 10.0.0.0/16, where nobody would hear of it (choose addresses of that network, or mode: bgp)",
      "platform.metallb.pools.vip.range: overlaps network.vip (give it addresses that nobody else has)",
      "platform.metallb.pools.twin.range: overlaps platform.metallb.pools.vip.range (give it addresses that nobody else has)",
      "platform.metallb.asn: is missing, and pool told has mode: bgp (write the site's own AS number)",
      "platform.metallb.peers: is empty, and pool told has mode: bgp (name the routers to be told)",
    ]);
  });

  test("a need that nobody meets, and a pool that is not there", () => {
    expect(problems({ "ingress-nginx": {} })).toEqual([
      "platform.ingress-nginx: ingress-nginx needs load-balancer, which nothing of this site provides (add a service that provides load-balancer, or remove ingress-nginx)",
    ]);
    expect(problems({ metallb, "ingress-nginx": { pool: "wan" } })).toEqual([
      'platform.ingress-nginx.pool: there is no pool "wan" of MetalLB (use one of lan, or add it under platform.metallb.pools)',
    ]);
  });

  test("Cilium beside flannel", () => {
    expect(
      problems({ cilium: {} }, (site) => {
        site.kubernetes.cni = "flannel";
      }),
    ).toEqual([
      "platform.cilium: stands beside kubernetes.cni: flannel, and a cluster has one pod network (write kubernetes.cni: none, or remove it)",
    ]);
  });

  test("a host outside the domain, one host twice, an issuer that is not there", () => {
    const expose = {
      a: { ...git, host: "git.example.com" },
      b: { ...git, tls: "publc" },
      c: git,
    };
    expect(problems({ ...everything, expose })).toEqual([
      "platform.expose.a.host: git.example.com lies outside the site's domain home.example.org (use home.example.org or a name below it)",
      'platform.expose.b.tls: there is no issuer "publc" (use one of public)',
      "platform.expose.c.host: git.home.example.org is already led to by platform.expose.b (give one of them another host)",
    ]);
  });

  test("an issuer without credentials, a default that is not there, certificates that nobody issues", () => {
    expect(
      problems({
        "cert-manager": {
          issuers: { public: { acme: { email: "a@example.org", solver: "powerdns" } } },
          default: "private",
        },
      }),
    ).toEqual([
      "platform.cert-manager.issuers.public.acme.solver: has no credentials: it would write into PowerDNS, and this site has none (add platform.powerdns, or write solver: http01)",
      'platform.cert-manager.default: there is no issuer "private" (use one of public)',
      "platform.cert-manager.issuers: issuers needs dns-solver, which nothing of this site provides (add a service that provides dns-solver, or remove issuers)",
    ]);
    expect(problems({ metallb, "ingress-nginx": {}, "cert-manager": {}, expose: { git } })).toEqual([
      "platform.expose.git: expose-git needs certificates, which nothing of this site provides (add a service that provides certificates, or remove expose-git)",
    ]);
  });

  test("a storage class that nobody makes; one that is named needs no default", () => {
    const { powerdns } = everything;
    expect(
      problems({
        metallb,
        "local-path": {},
        vault: { members: 1, storageClass: "nope" },
        powerdns: { ...powerdns, storageClass: "fast" },
      }),
    ).toEqual([
      "platform.vault: vault needs storage-class:nope, which nothing of this site provides (add a service that provides storage-class:nope, or remove vault)",
      "platform.powerdns: powerdns needs storage-class:fast, which nothing of this site provides (add a service that provides storage-class:fast, or remove powerdns)",
    ]);
    const named = { "local-path": { default: false }, vault: { members: 1, storageClass: "local-path" } };
    expect(problems(named)).toEqual([]);
    expect(plan(named).platform?.phases.map(({ services }) => services.join(" "))).toEqual([
      "cilium",
      "local-path",
      "vault",
    ]);
  });

  test("two storages for claims that name no class, a machine without the folder, missing extensions", () => {
    expect(problems({ "local-path": { machines: ["worker-9"] }, longhorn: {} })).toEqual([
      "talos.extensions: siderolabs/iscsi-tools, siderolabs/util-linux-tools missing: Longhorn mounts its volumes with them (add them; machines that run already get them with the next upgrade)",
      'platform.local-path.machines[0]: there is no machine "worker-9" that could have the folder for its volumes (use controller-0, controller-1, controller-2, worker-0, worker-1)',
      "platform.longhorn: storage is provided by local-path and by longhorn (keep one of the two)",
    ]);
    expect(
      problems({ "local-path": { default: false }, longhorn: {} }, (site) => {
        site.talos.extensions.push("siderolabs/iscsi-tools", "siderolabs/util-linux-tools");
      }),
    ).toEqual([]);
  });

  test("a storage class on machines without the mount: no such machine, a folder that no kubelet sees", () => {
    expect(
      problems({
        "local-path": {
          values: { nodePathMap: [{ node: "worker-1", paths: ["/var/mnt/local-path/fast", "/opt/local-path"] }, 7] },
        },
        longhorn: { default: false, values: { defaultSettings: { defaultDataPath: "/var/lib/longhorn" } } },
        openebs: {
          machines: ["worker-1", "worker-7"],
          default: false,
          values: { localpv: { basePath: "/var/openebs/local" } },
        },
      }),
    ).toEqual([
      "talos.extensions: siderolabs/iscsi-tools, siderolabs/util-linux-tools missing: Longhorn mounts its volumes with them (add them; machines that run already get them with the next upgrade)",
      'platform.openebs.machines[1]: there is no machine "worker-7" that could have the folder for its volumes (use controller-0, controller-1, controller-2, worker-0, worker-1)',
      "platform.local-path.values.nodePathMap[0].paths[1]: /opt/local-path is a folder that the kubelets of this site's machines do not see (leave it out, or use /var/mnt/local-path or a folder in it)",
      "platform.longhorn.values.defaultSettings.defaultDataPath: /var/lib/longhorn is a folder that the kubelets of this site's machines do not see (leave it out, or use /var/mnt/longhorn or a folder in it)",
      "platform.openebs.values.localpv.basePath: /var/openebs/local is a folder that the kubelets of this site's machines do not see (leave it out, or use /var/mnt/openebs or a folder in it)",
    ]);
  });

  test("Proxmox volumes for machines that do not say where they run", () => {
    const proxmox = {
      url: "https://pve.example.org:8006/api2/json",
      region: "home",
      tokenId: "csi@pve!csi",
      classes: { fast: { storage: "local-zfs" } },
    };
    const labelled = (region: string) => (site: ReturnType<typeof siteFile>) => {
      for (const machine of Object.values<{ labels?: object }>(site.machines)) {
        machine.labels = { "topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": "pve-1" };
      }
    };
    expect(problems({ "proxmox-csi": proxmox })).toHaveLength(10);
    expect(problems({ "proxmox-csi": proxmox })[1]).toBe(
      "machines.controller-0.labels: topology.kubernetes.io/zone missing, by which Proxmox CSI finds its host (write topology.kubernetes.io/zone with the name of the Proxmox node that it runs on)",
    );
    expect(problems({ "proxmox-csi": proxmox }, labelled("away"))[0]).toBe(
      "machines.controller-0.labels: topology.kubernetes.io/region is away, and platform.proxmox-csi.region is home (write topology.kubernetes.io/region: home)",
    );
    expect(problems({ "proxmox-csi": proxmox }, labelled("home"))).toEqual([]);
  });

  test("routes that are no networks: the router would refuse to start", () => {
    expect(problems({ tailscale: { routes: ["10.0.3.4/28", "10.0.3.0/27"] } })).toEqual([
      "platform.tailscale.routes[0]: 10.0.3.4/28 has host bits set (write 10.0.3.0/28)",
    ]);
    const { platform } = plan({ tailscale: { routes: ["10.0.3.0/27"] } });
    expect(neededSecrets(platform?.services ?? []).map(({ secret }) => secret)).toEqual([
      "tailscale-client-id",
      "tailscale-client-secret",
    ]);
  });

  test("more members of Vault than machines that pods run on", () => {
    const three = { "local-path": {}, vault: {} };
    const allowed = (site: ReturnType<typeof siteFile>) => {
      site.kubernetes.scheduleOnControlPlanes = true;
    };
    expect(problems(three)).toEqual([
      "platform.vault: has 3 members, each on a machine of its own, and ordinary pods run on 2 machines (write members: 1, add workers, or let ordinary pods onto the control planes with kubernetes.scheduleOnControlPlanes)",
    ]);
    expect(problems(three, allowed)).toEqual([]);
    expect(problems({ ...three, profile: "minimal" })).toEqual([]);
    expect(problems({ ...three, vault: { members: 5 } })[0]).toMatch(/^platform\.vault\.members: has 5 members/);
  });

  test("a generated password without Vault, a zone outside the domain, an address of no pool", () => {
    expect(problems({ "external-secrets": everything["external-secrets"] })).toEqual([
      "platform.external-secrets.generated.git: has nowhere to live: this site has no Vault (add platform.vault, or remove it)",
    ]);
    const powerdns = {
      address: "10.0.9.9",
      zones: { "example.com": { nameservers: { "ns1.example.com": "10.0.9.9" } } },
    };
    expect(problems({ metallb, "local-path": {}, powerdns })).toEqual([
      "platform.powerdns.zones.example.com: lies outside the site's domain home.example.org (use home.example.org or a name below it)",
      "platform.powerdns.address: 10.0.9.9 lies in no pool of MetalLB (choose an address of platform.metallb.pools, or add a pool that has it)",
    ]);
  });

  test("one address for two services", () => {
    expect(problems({ ...everything, "ingress-nginx": { address: everything.powerdns.address } })).toEqual([
      "platform.powerdns.address: 10.0.3.5 is already platform.ingress-nginx.address (choose another one)",
    ]);
  });

  test("an address that MetalLB would give to the ingress before it is asked for", () => {
    const first = (ingress: object, pools: object = metallb.pools) =>
      problems({
        ...everything,
        metallb: { pools },
        "ingress-nginx": ingress,
        powerdns: { ...everything.powerdns, address: "10.0.3.4" },
      });
    const refused = [
      "platform.powerdns.address: 10.0.3.4 is the first address of pool lan, and platform.ingress-nginx takes the first that is free (choose another one, or give platform.ingress-nginx an address, too)",
    ];
    expect(first({})).toEqual(refused);
    expect(first({ pool: "lan" })).toEqual(refused);
    expect(first({ address: "10.0.3.6" })).toEqual([]);
    const closed = { dns: { range: "10.0.3.4-10.0.3.5", autoAssign: false }, lan: { range: "10.0.3.6-10.0.3.20" } };
    expect(first({}, closed)).toEqual([]);
    expect(first({ pool: "dns" }, closed)[0]).toMatch(/first address of pool dns/);
  });

  test("copies of objects on more machines than pods run on", () => {
    const production = { profile: "production", "local-path": {}, seaweedfs: {} };
    expect(problems(production)).toEqual([
      "platform.seaweedfs: has 3 parts, each on a machine of its own, and ordinary pods run on 2 machines (add workers, let ordinary pods onto the control planes with kubernetes.scheduleOnControlPlanes, or write fewer replicas in its values)",
    ]);
    expect(
      problems(production, (site) => {
        site.kubernetes.scheduleOnControlPlanes = true;
      }),
    ).toEqual([]);
    const fewer = { values: { master: { replicas: 1 }, volume: { replicas: 2 } } };
    expect(problems({ ...production, seaweedfs: fewer })).toEqual([]);
    expect(problems({ ...production, profile: "standard" })).toEqual([]);
  });

  test("names that external-dns reads from nothing", () => {
    const sources = (...list: string[]) => problems({ ...everything, "external-dns": { sources: list } });
    expect(sources("ingres")[0]).toMatch(/^platform\.external-dns\.sources\[0\]: /);
    expect(sources()[0]).toMatch(/^platform\.external-dns\.sources: /);
    expect(sources("service", "gateway-httproute")).toEqual([]);
  });

  test("a misspelt value, a misspelt key", () => {
    expect(problems({ cilium: { values: { hubble: { relai: {} } } } })[0]).toMatch(
      /^platform\.cilium\.values\.hubble\.relai: is no value of the chart \(it knows here .*relay/,
    );
    expect(problems({ metalb: metallb })[0]).toMatch(/^platform\.metalb: .*did you mean metallb\?/);
  });
});
