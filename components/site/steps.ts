import { type Capability, type Phase, planPhases, type Service } from "../kubernetes/phase";
import { TRAITS } from "../machine/providers";
import { machineTypes } from "../machine/types";
import { builtIn } from "../platform/site";
import type { MachineType } from "../talos/ClusterRelease";
import type { SitePlan } from "./plan";

/** The way of a site, from its file to a running platform, as data: the same steps order the engine and are drawn. */

/** One step: what it needs, what it provides, and what is seen when it is over. */
export interface Step extends Service {
  /** What is seen when it is over, for people. */
  readonly gate: string;
  /** Whether it is done once, or for each machine by itself, be it every one or those of a role. */
  readonly each: "site" | "machine" | MachineType;
  /** Types of the resources that carry it. None: it is over before the first resource, or a person does it. */
  readonly types: readonly string[];
}

type Draft = Omit<Step, "each" | "types" | "path"> & Partial<Pick<Step, "each" | "types">>;

/**
 * The steps that a site takes up to its cluster, whoever its machines come from. Pure. A vendor's product asks for a
 * licence also where the site file has none.
 */
export function siteSteps(plan: SitePlan, licensed = plan.licence !== undefined): readonly Step[] {
  const steps = [...stepsBefore(plan, licensed), ...machineSteps(plan), ...clusterSteps(plan)];
  const provided = new Set(steps.flatMap(({ provides }) => provides));
  return steps.map(({ each = "site", types = [], needs, ...step }) => ({
    ...step,
    // A site has only some of the steps: what nobody provides is not waited for.
    needs: needs.filter((capability) => provided.has(capability)),
    each,
    types,
    path: "site",
  }));
}

const when = (condition: boolean, step: Draft): Draft[] => (condition ? [step] : []);

/** Whether any machine waits in a rescue system for its first Talos. */
export function rescued({ nodes }: SitePlan): boolean {
  return nodes.some(({ rescue }) => rescue !== undefined);
}

/** What is settled before any machine is there. */
function stepsBefore(plan: SitePlan, licensed: boolean): Draft[] {
  const { provider, pools } = plan;
  const { ordered, billed, asked, title } = TRAITS[provider];
  const { image } = machineTypes(provider, rescued(plan));
  return [
    ...when(ordered, {
      name: "credentials",
      needs: [],
      provides: ["account"],
      gate: `${title} takes the stack's credentials${asked ? "" : ", with the first order"}`,
    }),
    ...when(licensed, {
      name: "licence",
      needs: ["account"],
      provides: ["licence"],
      gate: "a verdict lets the site be, or grow",
      types: ["plinth:licensing:Licence"],
    }),
    ...when(billed, {
      name: "plan",
      needs: ["account", "licence"],
      provides: ["offer"],
      gate: asked
        ? "nothing speaks against plan, region, stock and GPU, or the nearest alternatives are told"
        : `${title} takes the first order: a preview does not ask it what can be had`,
    }),
    ...when(Object.keys(pools).length > 0, {
      name: "addresses",
      needs: ["licence"],
      provides: ["addresses"],
      gate: "what is claimed has its address",
      types: ["plinth:address:Pool"],
      each: "machine",
    }),
    ...when(image.length > 0, {
      name: "image",
      needs: [],
      provides: ["image"],
      gate: "what a machine boots first is where it looks for it",
      types: image,
    }),
  ];
}

/** From an order to Talos that waits for its configuration. */
function machineSteps(plan: SitePlan): Draft[] {
  const { provider, nodes, endpoint } = plan;
  const { ordered, boot, reach, power } = TRAITS[provider];
  const { order, network, networkEach, talos } = machineTypes(provider, rescued(plan));
  const each = "machine";
  return [
    ...when(ordered, {
      name: "order",
      // Nothing is rented that would have no address.
      needs: ["account", "licence", "offer", "addresses", ...(boot === "rescue" ? [] : ["image"])],
      provides: ["order"],
      gate: "it was looked for, and only then made; its id is noted",
      types: order,
      each,
    }),
    ...when(ordered, {
      name: "ready",
      needs: ["order"],
      provides: ["machine"],
      gate: reach === "own" ? "it is switched on" : "it is switched on, with an address and a route",
      types: order,
      each,
    }),
    ...when(network.length > 0, {
      name: "network",
      needs: ["machine"],
      provides: ["site-network"],
      gate: "it is connected to the site's network",
      types: network,
      each: networkEach,
    }),
    ...when(reach === "internet" && endpoint.name !== undefined, {
      name: "endpoint",
      needs: ["machine"],
      provides: ["endpoint-name"],
      gate: `${endpoint.name} points at the control planes; the output reach has their addresses`,
    }),
    {
      name: "talos",
      needs: ["machine", "site-network", "image", "addresses", "licence"],
      provides: ["maintenance-mode"],
      gate: `Talos runs and waits for its configuration${power === "you" ? "; you switch the machine on" : ""}`,
      types: talos,
      each,
    },
    ...when(
      nodes.some(({ hardware }) => hardware !== undefined),
      {
        name: "hardware",
        needs: ["maintenance-mode", "addresses", "licence"],
        provides: ["hardware"],
        gate: "the machine is what its profile and the site file say",
        types: ["plinth:hardware:Match"],
        each,
      },
    ),
  ];
}

/** From the first configuration to nodes that run what the site file says. */
function clusterSteps({ nodes }: SitePlan): Draft[] {
  return [
    {
      name: "identity",
      needs: ["licence"],
      provides: ["identity"],
      gate: "the cluster's secrets are made, once, and protected",
      types: ["talos:machine/secrets:Secrets"],
    },
    ...when(
      nodes.some(({ boot }) => boot !== undefined),
      {
        name: "boot",
        needs: ["licence", "addresses", "identity"],
        provides: ["boot-permission"],
        gate: "the boot server may install the machine, once",
        types: ["plinth:boot:Intent"],
        each: "machine",
      },
    ),
    configuration("controlplane"),
    ...when(
      nodes.some(({ type }) => type === "worker"),
      configuration("worker"),
    ),
    {
      name: "bootstrap",
      // A worker that does not come up keeps no cluster from its beginning.
      needs: ["control-planes", "endpoint-name"],
      provides: ["api"],
      gate: "etcd is whole, and the Kubernetes API answers",
      types: ["plinth:talos:Bootstrap"],
    },
    {
      name: "access",
      needs: ["api"],
      provides: ["kubeconfig"],
      gate: "the outputs kubeconfig and talosconfig are there",
      types: ["talos:cluster/kubeconfig:Kubeconfig"],
    },
    {
      name: "release",
      needs: ["control-planes", "workers", "kubeconfig"],
      provides: ["nodes"],
      gate: "every node runs what the site file says",
      types: ["plinth:talos:ClusterRelease"],
    },
  ];
}

/** Name of the step in which machines of a role are configured. */
export const CONFIGURED = { controlplane: "control-planes", worker: "workers" } as const;

function configuration(each: MachineType): Draft {
  return {
    name: CONFIGURED[each],
    needs: ["identity", "addresses", "maintenance-mode", "hardware"],
    provides: [CONFIGURED[each]],
    gate: "the machine took its configuration and installs",
    types: ["talos:machine/configurationApply:ConfigurationApply"],
    each,
  };
}

/** What the platform of a site waits for. Where it installs the pod network itself, no node is Ready before it. */
export function platformNeeds({ platform }: SitePlan): Capability {
  return platform?.brings === "network" ? "nodes" : "api";
}

/** All of a site in phases: its machines, its cluster, and what its platform installs. Pure. */
export function sitePhases(plan: SitePlan): readonly Phase[] {
  const { platform, kubernetes } = plan;
  const needs = [platformNeeds(plan), "kubeconfig"];
  const services = platform === undefined ? [] : [...builtIn(kubernetes), ...platform.services];
  const inside = services.map((service) => ({ ...service, needs: [...service.needs, ...needs] }));
  const { phases, problems } = planPhases([...siteSteps(plan), ...inside]);
  if (phases === undefined) throw new Error(`unreachable: a checked site has an order (${problems[0]?.reason})`);
  return phases;
}
