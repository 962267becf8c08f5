import { type Checks, deploymentAvailable, type PlatformService, type Profile } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";

/** Settings of Cilium. */
export interface CiliumSettings {
  /**
   * Size: replicas and what Hubble keeps.
   * @default "standard"
   */
  readonly profile?: Profile;
  /** Host names of every node, as the Node objects are called. Cilium waits until all are registered. */
  readonly nodes: readonly string[];
  /** Whether pods have IPv6 addresses instead of IPv4 ones. Replaces the pod network. @default false */
  readonly ipv6?: boolean;
  /** Flows that can be looked at: relay and user interface. In place. @default - not with profile minimal */
  readonly hubble?: boolean;
  /** Whether it serves the Gateway API, whose CRDs come with it. In place; restarts the agents. @default false */
  readonly gateway?: boolean;
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "kube-system";

/** KubePrism: the API server as every Talos node reaches it by itself, VIP or not. */
const KUBEPRISM = { host: "localhost", port: "7445" };

/**
 * Linux capabilities of the agent. Talos loads no kernel modules for a pod, so that SYS_MODULE of the chart's own list
 * would keep it from starting.
 */
const AGENT = [
  "CHOWN",
  "KILL",
  "NET_ADMIN",
  "NET_RAW",
  "IPC_LOCK",
  "SYS_ADMIN",
  "SYS_RESOURCE",
  "DAC_OVERRIDE",
  "FOWNER",
  "SETGID",
  "SETUID",
  "SYSLOG",
];

/** Cilium as the cluster's network, in place of kube-proxy. Belongs to the infrastructure, never to GitOps. */
export function ciliumService(settings: CiliumSettings): PlatformService {
  const { nodes, gateway = false, values = {} } = settings;
  return {
    type: "plinth:network:Cilium",
    name: "cilium",
    needs: [],
    provides: ["network", ...(gateway ? ["gateway-api"] : [])],
    // Nodes turn Ready only with a network: that they are registered has to be enough to begin.
    entry: nodeChecks(nodes, "is registered", { exists: true }),
    chart: { name: "cilium", namespace: NAMESPACE, values: mergeValues(ciliumValues(settings), values), seconds: 600 },
    ...(gateway && { manifests: ["gateway-api"] }),
    exit: {
      ...nodeChecks(nodes, "has a network", { condition: "Ready" }),
      "Cilium's operator works": deploymentAvailable(NAMESPACE, "cilium-operator"),
      "the cluster's names resolve": deploymentAvailable(NAMESPACE, "coredns"),
      ...(gateway && {
        "Cilium serves gateways": {
          apiVersion: "gateway.networking.k8s.io/v1",
          kind: "GatewayClass",
          name: "cilium",
          condition: "Accepted",
        },
      }),
    },
  };
}

function ciliumValues({
  profile = "standard",
  nodes,
  ipv6 = false,
  hubble = profile !== "minimal",
  gateway = false,
}: CiliumSettings): Values {
  return {
    // The API server is reached through KubePrism, for without kube-proxy nobody else serves its address.
    kubeProxyReplacement: "true",
    k8sServiceHost: KUBEPRISM.host,
    k8sServicePort: KUBEPRISM.port,
    ipam: { mode: "kubernetes" },
    ipv4: { enabled: !ipv6 },
    ipv6: { enabled: ipv6 },
    // Talos mounts the cgroup file system itself.
    cgroup: { autoMount: { enabled: false }, hostRoot: "/sys/fs/cgroup" },
    securityContext: {
      capabilities: { ciliumAgent: AGENT, cleanCiliumState: ["NET_ADMIN", "SYS_ADMIN", "SYS_RESOURCE"] },
    },
    operator: { replicas: profile === "minimal" || nodes.length < 2 ? 1 : 2, rollOutPods: true },
    rollOutCiliumPods: true,
    gatewayAPI: { enabled: gateway },
    hubble: {
      enabled: hubble,
      relay: { enabled: hubble, rollOutPods: true, ...(profile === "production" && { replicas: 2 }) },
      ui: { enabled: hubble && profile !== "minimal", rollOutPods: true },
      // Certificates made while rendering would change with every upgrade.
      tls: { auto: { method: "cronJob" } },
    },
  };
}

function nodeChecks(nodes: readonly string[], words: string, look: { exists: true } | { condition: string }): Checks {
  return Object.fromEntries(
    nodes.map((node) => [`node ${node} ${words}`, { apiVersion: "v1", kind: "Node", name: node, ...look }]),
  );
}
