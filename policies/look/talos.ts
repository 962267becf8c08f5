import { type ConfigDocument, parseDocuments, valueAt } from "../../components/talos/config/yaml";
import type { Resource } from "../rule";

export const CLUSTER = "plinth:talos:TalosCluster";
export const RELEASE = "plinth:talos:ClusterRelease";
export const BOOTSTRAP = "plinth:talos:Bootstrap";
export const POOL = "plinth:address:Pool";
export const SECRETS = "talos:machine/secrets:Secrets";
export const APPLY = "talos:machine/configurationApply:ConfigurationApply";
export const KUBECONFIG = "talos:cluster/kubeconfig:Kubeconfig";
export const TALOS_BOOTSTRAP = "talos:machine/bootstrap:Bootstrap";

/** Resources that hold machine configurations. */
export const MACHINES = [APPLY, RELEASE];

/** The configuration of one machine. */
export interface Machine {
  /** Path of the machine in its resource, empty where the resource is about one alone. */
  readonly path: string;
  readonly documents: readonly ConfigDocument[];
}

const read = new Map<string, readonly ConfigDocument[]>();

/** Documents of one text; texts that are no configuration are the provider's to refuse. Nodes share most of them. */
function documents(text: string): readonly ConfigDocument[] {
  const known = read.get(text);
  if (known !== undefined) return known;
  let found: readonly ConfigDocument[];
  try {
    found = parseDocuments(text);
  } catch {
    found = [];
  }
  read.set(text, found);
  return found;
}

/**
 * Machines that a resource configures. Those of a `TalosCluster` are told by its release: what takes them out of
 * maintenance mode keeps their first configuration for ever.
 */
export function machines({ type, urn, props }: Resource): readonly Machine[] {
  if (type === APPLY) {
    return isPlain(urn)
      ? [{ path: "", documents: documentsOf([props.machineConfigurationInput, ...(props.configPatches ?? [])]) }]
      : [];
  }
  return Object.keys(props.nodes ?? {}).map((key) => {
    const node = props.nodes[key];
    const patches = [...(node.patches ?? []), ...(props.secretPatches?.[key] ?? [])];
    return { path: `nodes["${key}"]`, documents: documentsOf([props.configuration?.[node.type], ...patches]) };
  });
}

/** Whether a resource stands outside of plinth's own cluster component. */
export function isPlain(urn: string): boolean {
  return !urn.includes(`${CLUSTER}$`);
}

function documentsOf(texts: readonly unknown[]): readonly ConfigDocument[] {
  return texts.filter((text) => typeof text === "string").flatMap(documents);
}

/** What the v1alpha1 documents of a machine say at a path; the last one counts, and comes first. */
export function machineValues({ documents: all }: Machine, path: string): readonly unknown[] {
  return all
    .filter((document) => document.kind === undefined)
    .map((document) => valueAt(document, path))
    .filter((value) => value !== undefined)
    .reverse();
}

/** Documents of a kind. */
export function documentsOfKind({ documents: all }: Machine, kind: string): readonly ConfigDocument[] {
  return all.filter((document) => document.kind === kind);
}

/** Dotted path of something inside a machine's configuration. */
export function inside({ path }: Machine, rest: string): string {
  return path === "" ? rest : `${path}.${rest}`;
}

/** Shared addresses that a machine's configuration names. */
export function sharedAddresses(machine: Machine): readonly string[] {
  const links = machineValues(machine, "machine.network.interfaces").flat() as {
    readonly vip?: { readonly ip?: string };
  }[];
  return [
    ...documentsOfKind(machine, "Layer2VIPConfig").map(({ name }) => name),
    ...links.map((link) => link?.vip?.ip),
  ].filter((address) => typeof address === "string");
}

/** Host of a URL without brackets; undefined where it is none. */
export function hostOf(url: unknown): string | undefined {
  if (typeof url !== "string" || !URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[|\]$/g, "");
}
