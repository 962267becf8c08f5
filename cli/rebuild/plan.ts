/** A rebuild: what ends, what outlives it, in which order, and why it may not be done. Pure. */
import { type Surroundings, whyInside } from "../../components/backup/inside";
import type { Problem } from "../../components/problem";
import type { SitePlan } from "../../components/site/plan";

/** A resource of the stack's state, as far as a rebuild looks at it. */
export interface Stored {
  readonly urn: string;
  readonly type: string;
  readonly protect?: boolean;
  readonly inputs?: { readonly [key: string]: unknown };
  readonly outputs?: { readonly [key: string]: unknown };
}

/** What stands before a rebuild, and who would do it. */
export interface Survey {
  readonly resources: readonly Stored[];
  /** Address of every node by its key, and URL of the Kubernetes API, as the last update left them. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly endpoint: string;
  /** Hosts that are needed while there is no cluster, by what they are. */
  readonly needed: Readonly<Record<string, string>>;
  /** Addresses of this computer. */
  readonly own: readonly string[];
}

const RELEASE = "plinth:talos:ClusterRelease";
const SECRETS = "talos:machine/secrets:Secrets";
/** Addresses are the site's, not the cluster's: who gave them back might not get them again. */
const ADDRESSES = new Set(["plinth:address:Claim", "plinth:address:Pool"]);
/** A permission to install that was used stays used: the systems stay on the disks. */
const INTENT = "plinth:boot:Intent";

/** Whether a resource is the site's and not the cluster's, and stays for that. */
export const outlives = ({ type }: Stored): boolean => ADDRESSES.has(type) || type === INTENT;

/** Everything that stands against a rebuild. */
export function rebuildProblems(plan: SitePlan, survey: Survey): Problem[] {
  const release = survey.resources.find(({ type }) => type === RELEASE);
  if (release === undefined) {
    const fix = "bring it up with `pulumi up`; that also finishes a rebuild that stopped after everything was wiped";
    return [{ path: "", reason: "there is no cluster to rebuild", fix }];
  }
  return [...wipeProblems(plan, release), ...survivalProblems(survey.resources), ...insideProblems(plan, survey)];
}

function wipeProblems({ talos, nodes }: SitePlan, release: Stored): Problem[] {
  const problems: Problem[] = [];
  if (talos.onDestroy !== "reset" || release.inputs?.onDestroy !== "reset") {
    problems.push({
      path: "talos.onDestroy",
      reason: "the machines would keep the old cluster, and take no new one",
      fix: "write reset and run `pulumi up` once, so that the cluster knows it",
    });
  }
  const adopted = nodes.filter((node) => node.adopted === true).map(({ key }) => key);
  if (adopted.length > 0) {
    problems.push({
      path: `machines.${adopted[0]}.adopted`,
      reason: `${adopted.join(", ")} ran before plinth, and would get no first configuration`,
      fix: "rebuild this cluster by hand: wipe it, remove adopted, and run `pulumi up`",
    });
  }
  return problems;
}

/** What identifies the cluster has to outlive it. */
function survivalProblems(resources: readonly Stored[]): Problem[] {
  return resources
    .filter(({ type, protect }) => type === SECRETS && protect !== true)
    .map(({ urn }) => ({
      path: nameOf(urn),
      reason: "the cluster's secrets are not protected: a new cluster would have others",
      fix: "pulumi state protect, with this resource",
    }));
}

/** Who takes the cluster down from inside goes with it, and nobody is left to build the new one. */
function insideProblems(plan: SitePlan, { nodes, endpoint, needed, own }: Survey): Problem[] {
  const cluster: Surroundings = {
    hosts: [...Object.values(nodes), new URL(endpoint).hostname, ...plan.nodes.map(({ hostname }) => hostname)],
    networks: [plan.network.pods, plan.network.services],
  };
  const here = own.map((address) => whyInside(address, cluster)).find((why) => why !== undefined);
  return [
    ...Object.entries(needed).flatMap(([what, host]): Problem[] => {
      const why = whyInside(host, cluster);
      const fix = "move it out of the cluster first";
      return why === undefined ? [] : [{ path: what, reason: `${why}: it would end with the cluster`, fix }];
    }),
    ...(here === undefined
      ? []
      : [
          {
            path: "",
            reason: `this computer is a part of the cluster (${here})`,
            fix: "run the rebuild from another one",
          },
        ]),
  ];
}

/** What a person confirms. */
export function rebuildText(plan: SitePlan, { resources, nodes, endpoint }: Survey): string {
  const named = (type: "controlplane" | "worker") =>
    plan.nodes.filter((node) => node.type === type).map(({ key }) => `${key} (${nodes[key] ?? "no address yet"})`);
  const [workers, controlPlanes] = [named("worker"), named("controlplane")];
  const kept = resources.filter(({ type, protect }) => protect === true && type !== SECRETS);
  const pools = resources.filter(({ type }) => ADDRESSES.has(type)).map(({ urn }) => nameOf(urn));
  return [
    `Rebuild of ${plan.name}: destroyed, and built again from the same site file.`,
    "",
    "Wiped:",
    "  everything in Kubernetes: etcd, every object, every volume on the machines' system disks",
    ...[...workers, ...controlPlanes].map((machine) => `  ${machine}: configuration and data of the system disk`),
    "Left as it is:",
    "  the cluster's secrets, and so its identity: certificates, kubeconfig and talosconfig stay valid",
    `  every address: the machines' as above, the API's as ${endpoint}${pools.length > 0 ? `; pools ${pools.join(", ")}` : ""}`,
    "  Talos itself on the system disks (nothing is installed over the network), and other disks with what is on them",
    ...kept.filter((each) => !outlives(each)).map(({ urn }) => `  ${nameOf(urn)}, which is protected`),
    plan.backup === undefined
      ? "  no snapshot: the site file names no place for them, and nothing in Kubernetes comes back"
      : "  the snapshots of etcd: `plinth etcd restore` brings Kubernetes' objects back afterwards",
    "Order:",
    `  1. wipe the workers one by one${workers.length === 0 ? " (there are none)" : ""}, then the control planes`,
    "  2. every machine waits in maintenance mode",
    "  3. configure, bootstrap and fill the cluster as for the first time",
    "  4. compare addresses and identity with those of before",
    "",
  ].join("\n");
}

/** What should have outlived the rebuild and did not. */
export function changesOf(before: Identity, after: Identity): Problem[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys]
    .filter((key) => before[key] !== after[key])
    .map((key) => ({
      path: key,
      reason: `was ${before[key] ?? "not there"} and is ${after[key] ?? "not there"}`,
      fix: "the new cluster runs; look at what else has changed in the site file or the state",
    }));
}

/** What makes a cluster the same one: addresses, and marks of its secrets; nothing of it is secret. */
export type Identity = Readonly<Record<string, string>>;

const nameOf = (urn: string): string => urn.slice(urn.lastIndexOf("::") + 2);
