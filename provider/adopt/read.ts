/** Reads a running cluster's machines through their own API. Writes nothing to any of them. */
import type { MachineFacts } from "../../components/adopt/machine";
import { type Problem, refuse } from "../../components/problem";
import type { ClientConfiguration } from "../../components/talos/binding";
import { parseDocuments } from "../../components/talos/config/yaml";
import { sentence } from "../host/failure";
import { talosctl } from "../talosctl/client";
import { inspect } from "../talosctl/inspect";
import { eachBounded } from "../wait";
import { talosconfigText } from "./talosconfig";

/** Machines that are asked at the same time: each question is several processes. */
const PARALLEL = 2;

/** One machine: its facts, and the text of its configuration (secret). */
export interface Read {
  readonly facts: MachineFacts;
  readonly configuration: string;
}

/** What a person gives because a machine does not tell it, by address. */
export type Given = Readonly<Record<string, Partial<Pick<MachineFacts, "mac" | "disk" | "prefixLength" | "gateway">>>>;

/** Every machine, or every machine that cannot be read with the reason. */
export async function readMachines(
  access: ClientConfiguration,
  addresses: readonly string[],
  given: Given,
  signal: AbortSignal,
): Promise<readonly Read[]> {
  const problems: Problem[] = [];
  const read = await eachBounded(addresses, PARALLEL, async (address) => {
    try {
      return [await readMachine(access, address, given[address] ?? {}, signal)];
    } catch (error) {
      signal.throwIfAborted();
      const fix = "every machine of the cluster has to answer while it is adopted";
      problems.push({ path: address, reason: sentence(error), fix });
      return [];
    }
  });
  refuse("The cluster cannot be read; nothing was written:", problems);
  return read.flat();
}

async function readMachine(
  access: ClientConfiguration,
  address: string,
  given: Given[string],
  signal: AbortSignal,
): Promise<Read> {
  const talos = talosctl(access, (text) => text);
  const version = await talos.version(address, signal);
  const configuration = await talos.configuration(address, signal);
  const schematic = await talos.schematic(address, signal);
  const { nodename, ...told } = await inspect(talosconfigText(access), address, signal);
  if (nodename === undefined) throw new Error("it is not a node of Kubernetes yet");
  const documents = parseDocuments(configuration);
  const facts: MachineFacts = {
    address,
    configuration: documents,
    talos: version,
    hostname: nodename,
    ...(schematic !== undefined && { schematic }),
    ...told,
    ...given,
  };
  return { facts, configuration };
}
