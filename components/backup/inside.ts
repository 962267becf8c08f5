import { contains, parseAddress, parseCidr } from "../address/cidr";

/** A cluster as the network sees it. */
export interface Surroundings {
  /** Addresses and host names of machines, and the shared address of the Kubernetes API. */
  readonly hosts: readonly string[];
  /** Networks of pods and services, in CIDR notation. */
  readonly networks: readonly string[];
}

const CLUSTER_NAME = /(^|\.)(svc|cluster\.local|svc\.[a-z0-9.-]+)$/;

/**
 * Why a host is a part of the cluster, as half a sentence; `undefined` if nothing says so. A backup that burns with the
 * house is none.
 */
export function whyInside(host: string, cluster: Surroundings): string | undefined {
  const name = host.replace(/^\[|\]$/g, "").toLowerCase();
  if (cluster.hosts.some((own) => own.toLowerCase() === name)) return `${host} is a machine or the API of this cluster`;
  const address = parseAddress(name, "").value;
  if (address === undefined) {
    return CLUSTER_NAME.test(name) ? `${host} is the name of a service inside a cluster` : undefined;
  }
  const network = cluster.networks.find((text) => {
    const parsed = parseCidr(text, "").value;
    return parsed !== undefined && contains(parsed, address);
  });
  return network === undefined
    ? undefined
    : `${host} lies in ${network}, the network of this cluster's pods or services`;
}
