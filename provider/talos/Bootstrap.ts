/** `plinth:talos:Bootstrap`: starts etcd once for a new cluster, or adopts the etcd that already runs. */
import { isIP } from "node:net";
import { z } from "zod";
import { type Problem, ProblemError } from "../../components/problem";
import type { ClientConfiguration } from "../../components/talos/binding";
import { type Draft, unknown } from "../draft";
import type { Drivers } from "../drivers";
import { changesBetween } from "../host/diff";
import { sentence } from "../host/failure";
import { pem } from "../kubernetes/endpoint";
import { type Context, propertyPath, type Resource } from "../resource";
import { reaching } from "../talosctl/reach";
import { type Talos, TalosError } from "../talosctl/talos";
import { type Look, WaitTimeout, waitFor } from "../wait";
import { endedProblems } from "./certificates";
import { NO_LEADER } from "./gate";
import { reachOf, refuseClaimed, refuseSecond } from "./guard";
import { address, clientConfiguration } from "./inputs";
import { documents } from "./yaml";

export interface BootstrapInputs {
  readonly clusterName: string;
  readonly clientConfiguration: ClientConfiguration;
  readonly node: string;
  readonly controlPlanes: readonly string[];
  readonly reach?: readonly { readonly address: string; readonly at: string }[];
  readonly endpoint: string;
  readonly kubernetesCa: string;
}

interface BootstrapOutputs {
  readonly clusterId: string;
  /** Empty until the cluster is whole. */
  readonly etcdMembers: readonly string[];
}

/** Longest waits in seconds. */
const ANSWER = 600;
const ACCEPT = 300;
const ETCD = 300;
const KUBERNETES = 600;
const JOINED = 180;

export function bootstrap(drivers: Drivers): Resource<BootstrapInputs, BootstrapOutputs> {
  const connect = (inputs: BootstrapInputs, context: Context): Talos =>
    reaching(drivers.talos(inputs.clientConfiguration, context.redact), reachOf(inputs.reach));

  return {
    type: "plinth:talos:Bootstrap",
    inputs: z.strictObject({
      clusterName: z.string().min(1),
      clientConfiguration,
      node: address,
      controlPlanes: z.array(address).min(1).readonly(),
      reach: z
        .array(z.strictObject({ address, at: address }))
        .readonly()
        .exactOptional(),
      endpoint: z.url({ protocol: /^https$/, error: "is not an https URL" }),
      kubernetesCa: z.string().min(1),
    }),
    outputs: z.object({
      clusterId: z.string().default(""),
      etcdMembers: z.array(z.string()).readonly().default([]),
    }),
    secrets: ["clientConfiguration"],
    limits: { create: 3600, read: 300, update: 3600, delete: 60 },

    check: (inputs) => [...endedProblems(inputs), ...problems(inputs)],
    diff(prior, inputs) {
      const unfinished = prior.outputs.etcdMembers.length === 0;
      if (!unfinished) refuseMove(prior.inputs, inputs);
      const changes = changesBetween(prior.inputs, inputs);
      return unfinished ? [...changes, { path: "etcdMembers", kind: "update", output: true }] : changes;
    },
    async preview(inputs, prior, { signal }) {
      if (prior === undefined) await refuseClaimed(drivers, inputs, signal);
      return {};
    },
    async create(inputs, context) {
      const talos = connect(inputs, context);
      return { id: inputs.clusterName, ...(await ensure(drivers, talos, inputs, context)) };
    },
    async update(_id, prior, inputs, context) {
      if (prior.outputs.etcdMembers.length > 0) return { outputs: prior.outputs };
      return ensure(drivers, connect(inputs, context), inputs, context);
    },
    async read(_id, prior, context) {
      if (prior === undefined) throw new Error("a bootstrap cannot be imported: declare it, and it adopts what runs");
      const talos = connect(prior.inputs, context);
      const states = await Promise.allSettled(
        prior.inputs.controlPlanes.map(async (node) => ({ node, state: await stateOf(talos, node, context) })),
      );
      const answers = states.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
      const alive = answers.find(({ state }) => state === "Running");
      if (alive === undefined) {
        // Wiped machines hold nothing. Any other may hold etcd's data, also one that answers while its etcd still starts.
        if (states.every((each) => each.status === "rejected" && isWiped(each.reason))) return undefined;
        for (const each of states) if (each.status === "rejected") throw each.reason;
        if (prior.outputs.etcdMembers.length === 0) return prior;
        throw new Error("etcd runs on no control plane; when all of them have started and it stays so, restore it");
      }
      const etcdMembers = await memberIds(talos, alive.node, context);
      const before = prior.outputs.etcdMembers;
      if (before.length > 0 && !etcdMembers.some((id) => before.includes(id))) {
        context.log.warn("etcd has none of the members it had: it was lost and started anew, its data is another");
      }
      return { inputs: prior.inputs, outputs: { ...prior.outputs, etcdMembers } };
    },
    // The cluster goes with its machines.
    async delete() {},
  };
}

function isWiped(error: unknown): boolean {
  return error instanceof TalosError && error.kind === "maintenance";
}

/** Every kubeconfig, and every node, holds the address of the API: it cannot change below a running cluster yet. */
function refuseMove(prior: BootstrapInputs, inputs: Draft<BootstrapInputs>): void {
  if (inputs === unknown || inputs.endpoint === unknown || inputs.endpoint === prior.endpoint) return;
  throw new ProblemError("this change of the cluster is refused", [
    {
      path: "endpoint",
      reason: `not yet: the Kubernetes API of a running cluster cannot move from ${prior.endpoint} to ${inputs.endpoint}`,
      fix: `set it back to ${prior.endpoint}`,
    },
  ]);
}

function problems(inputs: Draft<BootstrapInputs>): readonly Problem[] {
  if (inputs === unknown || inputs.controlPlanes === unknown) return [];
  const { node, controlPlanes } = inputs;
  const found: Problem[] = [];
  controlPlanes.forEach((plane, place) => {
    if (plane === unknown || controlPlanes.indexOf(plane) === place) return;
    found.push({
      path: propertyPath("controlPlanes", place),
      reason: `${plane} is listed twice`,
      fix: "list each control plane once",
    });
  });
  if (node !== unknown && !controlPlanes.includes(unknown) && !controlPlanes.includes(node)) {
    found.push({
      path: "node",
      reason: `${node} is none of the control planes`,
      fix: `give one of ${controlPlanes.map(String).join(", ")}`,
    });
  }
  return found;
}

/** From whatever is there to an answering Kubernetes API. Says how far it came if that is not reached. */
async function ensure(
  drivers: Drivers,
  talos: Talos,
  inputs: BootstrapInputs,
  context: Context,
): Promise<{ outputs: BootstrapOutputs; failures?: readonly string[] }> {
  return context.lease({ name: `bootstrap-${inputs.clusterName}`, doing: "bootstrap" }, async () => {
    const wait = waiter(drivers, context);
    const name = nameToMake(inputs);
    if (name !== undefined) context.log.info(name);
    const states = await Promise.all(
      inputs.controlPlanes.map((node) =>
        wait(`${node} answers with the cluster's certificate`, ANSWER, async () => ({
          done: { node, state: await stateOf(talos, node, context) },
        })),
      ),
    );
    const id = await wait(`${inputs.node} tells the cluster's id`, ANSWER, async () => ({
      done: await clusterId(talos, inputs.node, context),
    }));
    const outputs = { clusterId: id, etcdMembers: [] as readonly string[] };
    const running = states.find(({ state }) => state === "Running")?.node;
    if (running === undefined) {
      await refuseSecond(drivers, talos, inputs, context.signal);
      await start(talos, inputs, context, wait);
    } else context.log.info(`etcd already runs on ${running}: adopted`);
    try {
      const node = running ?? inputs.node;
      await wait(`etcd on ${node}`, ETCD, () => lookAtEtcd(talos, node, context));
      const answers = () =>
        wait(`Kubernetes API at ${inputs.endpoint}`, KUBERNETES, async () => {
          const { endpoint, kubernetesCa } = inputs;
          const { state, said } = await drivers.endpoint.look(endpoint, pem(kubernetesCa), context.signal);
          if (state === "ready") return { done: true };
          return { missing: name === undefined ? said : `${said}; ${name}` };
        });
      await answers();
      // Each member that joins stops etcd for a moment, and the API with it: whoever comes next asks it only once.
      const etcdMembers = await joined(talos, node, inputs, context, wait);
      await answers();
      return { outputs: { ...outputs, etcdMembers } };
    } catch (error) {
      return { outputs, failures: [sentence(error)] };
    }
  });
}

/** What somebody has to make before the API answers: a name for control planes that are called over the Internet. */
function nameToMake({ endpoint, reach = [] }: BootstrapInputs): string | undefined {
  const { hostname } = new URL(endpoint);
  // A number is the address of a load balancer that the vendor points at them.
  if (reach.length === 0 || isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return undefined;
  return `${hostname} has to point at the control planes: ${reach.map(({ at }) => at).join(", ")}`;
}

type Waiter = <T>(what: string, seconds: number, look: () => Promise<Look<T>>) => Promise<T>;

/** A node that does not answer yet is something to wait for; a wrong cluster or a refusal is not. */
function waiter(drivers: Drivers, context: Context): Waiter {
  return (what, seconds, look) =>
    waitFor(
      { what, seconds, intervalMs: drivers.pollMs, signal: context.signal, progress: context.log.progress },
      async () => {
        try {
          return await look();
        } catch (error) {
          const passing = ["unreachable", "not-ready", "maintenance", "denied", "expired"];
          if (error instanceof TalosError && passing.includes(error.kind)) return { missing: error.message };
          throw error;
        }
      },
    );
}

async function start(talos: Talos, inputs: BootstrapInputs, context: Context, wait: Waiter): Promise<void> {
  await context.audit({
    act: "bootstrap",
    target: `${inputs.clusterName}/${inputs.node}`,
    detail: "start etcd of a new cluster",
  });
  await wait(`${inputs.node} accepts the bootstrap`, ACCEPT, async () => {
    try {
      await talos.bootstrap(inputs.node);
    } catch (error) {
      // Its data is there already: an earlier run came this far.
      if (!(error instanceof TalosError) || error.kind !== "exists") throw error;
      context.log.info(`etcd's data is already on ${inputs.node}: adopted`);
    }
    return { done: true };
  });
}

async function lookAtEtcd(talos: Talos, node: string, context: Context): Promise<Look<readonly string[]>> {
  try {
    const status = await talos.etcdStatus(node, context.signal);
    if (NO_LEADER.test(status.leader)) return { missing: "it has no leader: too few members answer" };
    return { done: await memberIds(talos, node, context) };
  } catch (error) {
    // While etcd starts the node has many words for "not yet".
    if (error instanceof TalosError && error.kind !== "foreign" && error.kind !== "tool") {
      return { missing: error.message };
    }
    throw error;
  }
}

const stateOf = (talos: Talos, node: string, context: Context): Promise<string> =>
  talos.etcdState(node, context.signal);

/** Ids of etcd's members once every control plane is one that votes; one that does not come is told, and not waited for. */
async function joined(
  talos: Talos,
  node: string,
  { controlPlanes }: BootstrapInputs,
  context: Context,
  wait: Waiter,
): Promise<readonly string[]> {
  try {
    await wait("every control plane is in etcd", JOINED, async () => {
      const members = await talos.etcdMembers(node, context.signal);
      const voting = members.filter(({ learner }) => !learner).length;
      return voting >= controlPlanes.length ? { done: true } : { missing: `${voting} of ${controlPlanes.length} vote` };
    });
  } catch (error) {
    // Whoever looks after the nodes next says which one, and why.
    if (!(error instanceof WaitTimeout)) throw error;
    context.log.warn(sentence(error));
  }
  return memberIds(talos, node, context);
}

async function memberIds(talos: Talos, node: string, context: Context): Promise<readonly string[]> {
  return (await talos.etcdMembers(node, context.signal)).map(({ id }) => id).sort();
}

async function clusterId(talos: Talos, node: string, context: Context): Promise<string> {
  const [machine] = documents(await talos.configuration(node, context.signal)) as readonly {
    readonly cluster?: { readonly id?: string };
  }[];
  const id = machine?.cluster?.id;
  if (id === undefined) throw new Error(`${node}: its machine configuration has no cluster id`);
  return id;
}
