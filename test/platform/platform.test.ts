import { formatProblem } from "../../components/problem";
import { nodeModel } from "../../components/site/nodes";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { siteFile } from "../support/site";

const metallb = { pools: { lan: { range: "10.0.3.4-10.0.3.20" } } };
const home = (platform: unknown, edit: (site: ReturnType<typeof siteFile>) => void = () => undefined) => {
  const site = { ...siteFile("home"), platform };
  edit(site);
  return site;
};
const problems = (platform: unknown, edit?: (site: ReturnType<typeof siteFile>) => void) =>
  checkSite(home(platform, edit)).problems.map(formatProblem);
const plan = (platform: unknown) => planSite(parseSite(home(platform)));

describe("the platform of a site file", () => {
  test("is ordered by needs: network, addresses, ingress", () => {
    const { platform } = plan({ metallb, "ingress-nginx": { pool: "lan" } });
    expect(platform?.phases.map(({ services }) => services)).toEqual([["cilium"], ["metallb"], ["ingress-nginx"]]);
    expect(platform?.phases.map(({ exit }) => exit)).toEqual([["network"], ["load-balancer"], ["ingress"]]);
  });

  test("without a section there is none, and kube-proxy stays", () => {
    const bare = planSite(parseSite(siteFile("home")));
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

  test("a misspelt value, a misspelt key", () => {
    expect(problems({ cilium: { values: { hubble: { relai: {} } } } })[0]).toMatch(
      /^platform\.cilium\.values\.hubble\.relai: is no value of the chart \(it knows here .*relay/,
    );
    expect(problems({ metalb: metallb })[0]).toMatch(/^platform\.metalb: .*did you mean metallb\?/);
  });
});
