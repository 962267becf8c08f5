import { lab, object, resource, UNKNOWN } from "../drafts";
import type { Cases } from "../harness";
import { machine, patched, release, SERVICE } from "../objects";

const SECRETS = "talos:machine/secrets:Secrets";
const pool = (name: string, ...addresses: unknown[]) =>
  object("kubernetes:metallb.io/v1beta1:IPAddressPool", name, { spec: { addresses } });
const cilium = (...blocks: object[]) =>
  object("kubernetes:cilium.io/v2alpha1:CiliumLoadBalancerIPPool", "cilium", { spec: { blocks } });
const own = (name: string, range: object) =>
  resource("plinth:address:Pool", name, { site: "lab", claims: {}, ...range });
const policy = (spec: object) => object("kubernetes:networking.k8s.io/v1:NetworkPolicy", "web", { spec });
const site = (network: unknown) => lab("plinth:site:Site", (draft) => Object.assign(draft.inputs, { network }));
const bootstrap = lab("plinth:talos:Bootstrap");
const networks = (pods: string, services: string) =>
  `cluster:\n  network:\n    podSubnets: ${pods}\n    serviceSubnets: ${services}\n`;
const link = (address: string) =>
  `apiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\naddresses:\n  - address: ${address}\n`;
const helm = (spec: unknown) => object("kubernetes:helm.toolkit.fluxcd.io/v2:HelmRelease", "net", { spec });
const connector = (...routes: unknown[]) =>
  object("kubernetes:tailscale.com/v1alpha1:Connector", "site", {
    spec: { subnetRouter: { advertiseRoutes: routes } },
  });
const tailscale = (variable: string, name = "tailscale") =>
  `apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: ${name}\nenvironment: ["TS_HOSTNAME=x", "${variable}"]\n`;
const balancer = (spec: object, annotations: object = {}) =>
  object("kubernetes:core/v1:Service", "web", {
    metadata: { name: "web", annotations },
    spec: { type: "LoadBalancer", ...spec },
  });
const METALLB = "metallb.io/loadBalancerIPs";
const ingress = (spec: object) => object("kubernetes:networking.k8s.io/v1:Ingress", "web", { spec });
const host = (name: string) => ({ host: name });

export const networkCases: readonly Cases[] = [
  {
    rule: "networks-whole",
    compliant: [
      pool("a", "10.0.3.0/27", "10.0.4.4-10.0.4.20"),
      own("a", { range: "10.0.3.4-10.0.3.20" }),
      cilium({ cidr: "10.0.5.0/24" }, { start: "10.0.6.1", stop: "10.0.6.9" }, { start: "10.0.7.1" }),
    ],
    violating: [
      [pool("a", "10.0.3.4/28"), /^spec.addresses\[0\]: 10.0.3.4\/28 has host bits/],
      [own("a", { prefix: "10.0.3.4/28" }), /^prefix: /],
      [own("a", { range: "10.0.3.9-10.0.3.4" }), /^range: .*ends before/],
      [cilium({ cidr: "10.0.5.1/24" }), /^spec.blocks\[0\]/],
      [
        policy({
          ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.1/8", except: ["10.1.0.1/16"] } }, { podSelector: {} }] }],
        }),
        /10.0.0.1\/8/,
        /10.1.0.1\/16/,
      ],
      [policy({ egress: [{ to: [{ ipBlock: { cidr: "10.0.0.1" } }] }] }), /^spec.egress: /],
    ],
    irrelevant: [
      SERVICE,
      pool("a"),
      object("kubernetes:metallb.io/v1beta1:IPAddressPool", "b", {}),
      object("kubernetes:cilium.io/v2:CiliumLoadBalancerIPPool", "c", {}),
    ],
    extras: [
      policy({ ingress: [{}], egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }] }] }),
      object("kubernetes:networking.k8s.io/v1:NetworkPolicy", "none", {}),
    ],
    unknown: [[pool("a", UNKNOWN), "undecided"]],
  },
  {
    rule: "pools-apart",
    settings: { others: { "edge services": "10.9.0.0/24", nonsense: "x" } },
    compliant: [[pool("a", "10.0.3.0/27"), pool("b", "10.0.3.32/27")]],
    violating: [
      [
        [pool("a", "10.0.3.0/27"), own("b", { range: "10.0.3.31-10.0.3.40" })],
        /^b.range: 10.0.3.31-10.0.3.40 overlaps 10.0.3.0-10.0.3.31 of a/,
      ],
      [[pool("a", "10.9.0.7-10.9.0.8")], /of edge services/],
      [[cilium({ start: "10.0.6.1", stop: "10.0.6.9" }), pool("a", "10.0.6.9-10.0.6.10")], /of cilium/],
    ],
    irrelevant: [[SERVICE], [pool("a", "not a range")]],
    extras: [[pool("a", "10.0.3.0/27", "10.0.4.0/27"), pool("b", "fd00::/64")]],
    unknown: [[[pool("a", UNKNOWN)], "undecided"]],
  },
  {
    rule: "pools-clear-of-machines",
    compliant: [[pool("a", "127.103.31.100-127.103.31.120"), release(), bootstrap]],
    violating: [
      [
        [pool("a", "127.103.31.10-127.103.31.10"), bootstrap],
        /^a.spec.addresses\[0\]: .* holds 127.103.31.10, the Kubernetes API/,
      ],
      [[pool("a", "127.103.31.21-127.103.31.21"), release()], /127.103.31.21, the machine worker-1/],
      [[pool("a", "10.0.1.0/24"), machine("cp-1", "machine: {}\n")], /10.0.1.10, the machine of cp-1/],
    ],
    irrelevant: [
      [bootstrap, release()],
      [own("a", { range: "127.103.31.11-127.103.31.12" }), release()],
    ],
    extras: [
      [
        pool("a", "10.0.1.0/29"),
        machine("cp-1", "machine: {}\n", { node: "cp-1.example.org" }),
        lab("plinth:talos:Bootstrap", (draft) => {
          draft.inputs.endpoint = "none";
        }),
      ],
      [pool("a", "10.0.0.0/8"), machine("x", "machine: {}\n", { node: undefined })],
    ],
    unknown: [[[pool("a", "10.0.1.0/24"), machine("cp-1", "machine: {}\n", { node: UNKNOWN })], "undecided"]],
  },
  {
    rule: "pools-inside-the-network",
    settings: { networks: ["10.50.0.0/16"] },
    compliant: [[site("127.103.31.0/24"), pool("a", "127.103.31.100-127.103.31.120")], [pool("a", "10.50.1.0/24")]],
    violating: [
      [[site("127.103.31.0/24"), pool("a", "10.0.3.0/27")], /^a.spec.addresses\[0\]: 10.0.3.0\/27 lies outside/],
      [[pool("a", "10.49.255.0-10.50.0.1")], /lies outside/],
    ],
    irrelevant: [[site("127.103.31.0/24")], [own("a", { range: "10.0.3.0/27" })]],
    extras: [[site(undefined), site("nonsense"), pool("a", "10.50.1.0/24", "10.50.2.0/24")]],
    unknown: [[[site(UNKNOWN), pool("a", "10.0.3.0/27")], "undecided"]],
  },
  {
    rule: "pods-and-services-apart",
    compliant: [release(), machine("a", networks("[10.244.0.0/16]", "[10.96.0.0/12]"), {}, [link("10.0.0.7/24")])],
    violating: [
      [
        machine("a", networks("[10.100.0.0/16]", "[10.96.0.0/12]")),
        /^cluster.network.serviceSubnets: 10.96.0.0\/12 overlaps 10.100.0.0\/16 of cluster.network.podSubnets/,
      ],
      [
        machine("a", networks("[10.244.0.0/16]", "[10.96.0.0/12]"), {}, [link("10.244.0.7/24")]),
        /^the machine: 10.244.0.0\/24 overlaps/,
      ],
    ],
    irrelevant: [
      lab(SECRETS),
      machine("a", "machine: {}\n", {}, ["apiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\n"]),
    ],
    extras: [
      machine("a", networks("[10.244.0.0/16, 10.244.1.0/24, fd00:1::/64, nonsense]", "[10.96.0.0/12, fd00:2::/112]")),
    ],
    unknown: [[machine("a", "machine: {}\n", { configPatches: UNKNOWN }), "undecided"]],
  },
  {
    rule: "cni-not-by-gitops",
    compliant: [helm({ chart: { spec: { chart: "grafana" } } })],
    violating: [
      [helm({ chart: { spec: { chart: "cilium" } } }), /^spec.chart.spec.chart: cilium is a CNI/],
      [helm({ chartRef: { name: "tigera-operator" } }), /^spec.chartRef.name/],
      [
        object("kubernetes:kustomize.toolkit.fluxcd.io/v1:Kustomization", "net", { spec: { path: "./k8s/cilium" } }),
        /^spec.path/,
      ],
      [
        object("kubernetes:argoproj.io/v1alpha1:Application", "net", {
          spec: { source: { chart: "calico", path: "infra/flannel/base" } },
        }),
        /^spec.source.chart/,
        /^spec.source.path/,
      ],
    ],
    irrelevant: [resource("kubernetes:helm.sh/v3:Release", "cilium", { chart: "cilium" }), helm(undefined)],
    extras: [helm({ chart: { spec: { chart: "ciliumish" } }, path: 7, values: { cni: "cilium" } })],
    unknown: [[helm({ chart: { spec: { chart: UNKNOWN } } }), "undecided"]],
  },
  {
    rule: "routes-whole",
    compliant: [connector("10.0.3.0/27"), patched(tailscale("TS_ROUTES=10.0.3.0/27,10.0.4.0/24"))],
    violating: [
      [connector("10.0.3.0/27", "10.0.3.4/28"), /^spec.subnetRouter.advertiseRoutes\[1\]: 10.0.3.4\/28 has host bits/],
      [patched(tailscale("TS_ROUTES=10.0.3.0/27,10.0.3.4/28")), /^TS_ROUTES: 10.0.3.4\/28/],
    ],
    irrelevant: [
      SERVICE,
      release(),
      patched(tailscale("TS_ROUTES=10.0.3.4/28", "other")),
      object("kubernetes:tailscale.com/v1alpha1:Connector", "exit", {}),
    ],
    extras: [
      patched(tailscale("TS_EXTRA_ARGS=--advertise-tags=tag:x")),
      patched("apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\n"),
    ],
    unknown: [[connector(UNKNOWN), "undecided"]],
  },
  {
    rule: "load-balancer-in-a-pool",
    compliant: [
      [
        pool("a", "10.0.3.4-10.0.3.20"),
        balancer({}, { [METALLB]: "10.0.3.5" }),
        balancer({ loadBalancerIP: "10.0.3.6" }),
      ],
    ],
    violating: [
      [
        [pool("a", "10.0.3.4-10.0.3.20"), balancer({}, { [METALLB]: "10.0.3.5, 10.0.3.99" })],
        /^web.metadata.annotations\["metallb.io\/loadBalancerIPs"\]: 10.0.3.99 is in no pool/,
      ],
      [[pool("a", "10.0.3.4-10.0.3.20"), balancer({ loadBalancerIP: "web" })], /^web.spec.loadBalancerIP: web/],
    ],
    irrelevant: [
      [balancer({ loadBalancerIP: "10.0.3.99" })],
      [pool("a", "10.0.3.4-10.0.3.20"), balancer({ type: "ClusterIP", loadBalancerIP: "10.0.3.99" })],
      [pool("a", "10.0.3.4-10.0.3.20"), object("kubernetes:core/v1:Service", "bare", {})],
    ],
    extras: [
      [pool("a", "10.0.3.4-10.0.3.20"), pool("b", "10.0.9.0/24"), balancer({ ports: [] }, { other: "10.1.1.1" })],
    ],
    unknown: [[[pool("a", "10.0.3.4-10.0.3.20"), balancer({ loadBalancerIP: UNKNOWN })], "undecided"]],
  },
  {
    rule: "ingress-has-tls",
    compliant: [
      ingress({ rules: [host("git.example.org")], tls: [{ hosts: ["git.example.org"] }] }),
      ingress({ rules: [host("git.example.org")], tls: [{ hosts: ["*.example.org"] }] }),
    ],
    violating: [
      [
        ingress({ rules: [host("git.example.org"), host("ci.example.org")], tls: [{ hosts: ["git.example.org"] }] }),
        /^spec.tls: ci.example.org is not among/,
      ],
      [ingress({ rules: [{}] }), /\* is not among/],
      [ingress({ rules: [host("git.example.org")], tls: [{}] }), /git/],
    ],
    irrelevant: [SERVICE, object("kubernetes:networking.k8s.io/v1:Ingress", "none", {})],
    extras: [
      ingress({
        rules: [host("git.example.org")],
        tls: [{ hosts: ["other.org", "git.example.org"], secretName: "x" }],
      }),
    ],
    unknown: [[ingress({ rules: [host(UNKNOWN)] }), "undecided"]],
  },
];
