import { formatCidr, parseAddress, parseCidr } from "../address/cidr";
import { schematicId } from "../boot/schematic";
import { type Problem, refuse } from "../problem";
import { labels as labelsField, name as nameField } from "../site/fields";
import type { SiteFile } from "../site/spec";
import { isDocument } from "../talos/config/yaml";
import type { Contract } from "../talos/releases";
import { isControlPlane, type MachineFacts, settingOf } from "./machine";

/** What the machines cannot tell. */
export interface AdoptOptions {
  readonly domain: string;
  readonly provider: SiteFile["provider"];
  readonly contract: Contract;
}

/** A Node label that Talos' own generator writes. */
const GENERATED_LABELS = ["node.kubernetes.io/exclude-from-external-load-balancers"];
const IMAGE = /^([^/]+)\/(?:metal-)?installer(-secureboot)?\/([0-9a-f]{64}):/;

/**
 * The site file of machines that run. It says what they run as far as a site file can; what it cannot say shows as a
 * difference between their configurations and those that plinth would write.
 *
 * @throws ProblemError when no site file can describe them, or a machine does not tell what one needs
 */
export function siteOf(machines: readonly MachineFacts[], { domain, provider, contract }: AdoptOptions): SiteFile {
  const planes = machines.filter(isControlPlane);
  const [first] = planes;
  const problems: Problem[] = [];
  if (first === undefined) {
    const fix = "name every machine of the cluster with --nodes";
    refuse("This cluster cannot be adopted:", [{ path: "--nodes", reason: "none of them is a control plane", fix }]);
    throw new Error("unreachable");
  }
  const versions = oneOf(machines, "Talos", ({ talos }) => talos, problems);
  const kubernetes = oneOf(machines, "Kubernetes", kubernetesOf, problems);
  const site: SiteFile = {
    name: clusterName(first, problems),
    domain,
    provider,
    network: networkOf(first, planes, problems),
    talos: { version: versions, configContract: contract, ...imageOf(first) },
    kubernetes: { version: kubernetes, ...kubernetesSettings(first) },
    machines: Object.fromEntries(keyed(machines).map(([key, facts]) => [key, machineOf(key, facts, problems)])),
  };
  refuse("This cluster cannot be adopted:", problems);
  return site;
}

/** Machines by the key they get: their hostname. */
export function keyed(machines: readonly MachineFacts[]): readonly (readonly [string, MachineFacts])[] {
  return [...machines]
    .sort((a, b) => Number(isControlPlane(b)) - Number(isControlPlane(a)) || (a.hostname < b.hostname ? -1 : 1))
    .map((facts) => [facts.hostname.split(".")[0] ?? facts.hostname, facts]);
}

function oneOf(
  machines: readonly MachineFacts[],
  what: string,
  of: (facts: MachineFacts) => string,
  problems: Problem[],
): string {
  const found = [...new Set(machines.map(of))].sort();
  if (found.length > 1) {
    const who = machines.map((facts) => `${facts.hostname} ${of(facts)}`).join(", ");
    problems.push({ path: what, reason: `machines run different versions (${who})`, fix: "bring them to one first" });
  }
  return found[0] ?? "";
}

function kubernetesOf(facts: MachineFacts): string {
  const image = String(settingOf(facts, "machine.kubelet.image") ?? "");
  return /:(v\d+\.\d+\.\d+\S*?)(?:@|$)/.exec(image)?.[1] ?? "";
}

function clusterName(facts: MachineFacts, problems: Problem[]): string {
  const value = String(settingOf(facts, "cluster.clusterName") ?? "");
  if (!nameField.safeParse(value).success) {
    const fix = "a site's name is its cluster's: such a cluster cannot be adopted";
    problems.push({ path: "cluster.clusterName", reason: `"${value}" is not an RFC 1123 label`, fix });
  }
  return value;
}

function networkOf(first: MachineFacts, planes: readonly MachineFacts[], problems: Problem[]): SiteFile["network"] {
  const endpoint = String(settingOf(first, "cluster.controlPlane.endpoint") ?? "");
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const host = url?.hostname.replace(/^\[|\]$/g, "") ?? "";
  if (parseAddress(host, "").problem !== undefined || url?.port !== "6443") {
    problems.push({
      path: "cluster.controlPlane.endpoint",
      reason: `${endpoint || "nothing"} is not an address with port 6443`,
      fix: "plinth's sites have their API at an address: such a cluster cannot be adopted yet",
    });
  }
  const own = planes.length === 1 && host === first.address;
  const { prefixLength, gateway } = first;
  if (prefixLength === undefined) {
    problems.push({
      path: "--prefix",
      reason: `${first.address} does not tell its network`,
      fix: "give it, as --prefix 24",
    });
  }
  const nameservers = texts(
    settingOf(first, "machine.network.nameservers", "ResolverConfig", "nameservers"),
    "address",
  );
  const ntp = texts(settingOf(first, "machine.time.servers", "TimeSyncConfig", "ntp.servers"));
  return {
    cidr: networkCidr(first.address, prefixLength ?? 24),
    ...(gateway !== undefined && { gateway }),
    ...(nameservers.length > 0 && { nameservers }),
    ...(ntp.length > 0 && { ntp }),
    ...(!own && { vip: host }),
    ...single("pods", settingOf(first, "cluster.network.podSubnets")),
    ...single("services", settingOf(first, "cluster.network.serviceSubnets")),
  };
}

function networkCidr(address: string, prefixLength: number): string {
  const { value, problem } = parseCidr(`${address}/${prefixLength}`, "");
  // With host bits the parser offers the network itself.
  if (problem !== undefined) return /[0-9a-f.:]+\/\d+/i.exec(problem.fix)?.[0] ?? `${address}/${prefixLength}`;
  return formatCidr(value);
}

function texts(value: unknown, field?: string): string[] {
  return (Array.isArray(value) ? value : [])
    .map((item) => (field !== undefined && isDocument(item) ? item[field] : item))
    .filter((item): item is string => typeof item === "string");
}

function single(field: "pods" | "services", value: unknown): { readonly [key in typeof field]?: string } {
  const [network] = texts(value);
  return network === undefined ? {} : { [field]: network };
}

function imageOf(facts: MachineFacts): Partial<SiteFile["talos"]> {
  const [, factory, secure, id] = IMAGE.exec(String(settingOf(facts, "machine.install.image") ?? "")) ?? [];
  const schematic = facts.schematic ?? id;
  return {
    ...(schematic !== undefined && schematic !== schematicId({}) && { schematic }),
    ...(secure !== undefined && { secureBoot: true }),
    ...(factory !== undefined && factory !== "factory.talos.dev" && { factory }),
  };
}

function kubernetesSettings(facts: MachineFacts): Partial<SiteFile["kubernetes"]> {
  const extraArgs = settingOf(facts, "cluster.apiServer.extraArgs");
  const own = new Set([
    String(settingOf(facts, "cluster.controlPlane.endpoint") ?? "").replace(/^https:\/\/|:\d+$/g, ""),
  ]);
  const certSANs = texts(settingOf(facts, "cluster.apiServer.certSANs")).filter((name) => !own.has(name));
  const args = isDocument(extraArgs) ? Object.entries(extraArgs).map(([key, value]) => [key, String(value)]) : [];
  return {
    ...(args.length + certSANs.length > 0 && {
      apiServer: {
        ...(args.length > 0 && { extraArgs: Object.fromEntries(args) }),
        ...(certSANs.length > 0 && { certSANs }),
      },
    }),
    ...(settingOf(facts, "cluster.network.cni.name") === "none" && { cni: "none" }),
    ...(settingOf(facts, "cluster.allowSchedulingOnControlPlanes") === true && { scheduleOnControlPlanes: true }),
  };
}

function machineOf(key: string, facts: MachineFacts, problems: Problem[]): SiteFile["machines"][string] {
  const { mac, disk } = facts;
  const missing = (field: string, fix: string): void => {
    problems.push({ path: `machines.${key}.${field}`, reason: `${facts.address} does not tell it`, fix });
  };
  if (mac === undefined) missing("mac", `give it, as --mac ${facts.address}=52:54:00:12:34:56`);
  if (disk === undefined) missing("disk", `give it, as --disk ${facts.address}=naa.5000c500a0b1c2d3`);
  const labels = labelsOf(facts);
  const taints = taintsOf(settingOf(facts, "machine.nodeTaints"));
  return {
    role: isControlPlane(facts) ? "controlplane" : "worker",
    adopted: true,
    mac: mac ?? "",
    address: facts.address,
    disk: disk ?? { wwid: "" },
    ...(facts.arch === "arm64" && { arch: "arm64" }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(taints.length > 0 && { taints }),
  };
}

/** Labels that a site file may have; others stay as a difference. */
function labelsOf(facts: MachineFacts): Record<string, string> {
  const found = settingOf(facts, "machine.nodeLabels", "KubeNodeConfig", "labels");
  return Object.fromEntries(
    Object.entries(isDocument(found) ? found : {})
      .map(([key, value]) => [key, String(value ?? "")] as const)
      .filter(([key, value]) => !GENERATED_LABELS.includes(key) && labelsField.safeParse({ [key]: value }).success),
  );
}

type Taint = NonNullable<SiteFile["machines"][string]["taints"]>[number];

/** Talos writes a taint as `value:Effect` or `Effect` by its key. */
function taintsOf(value: unknown): Taint[] {
  return Object.entries(isDocument(value) ? value : {}).flatMap(([key, text]) => {
    const [, taint = "", effect] = /^(?:(.*):)?(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(String(text)) ?? [];
    if (effect === undefined) return [];
    return [{ key, ...(taint !== "" && { value: taint }), effect: effect as Taint["effect"] }];
  });
}
