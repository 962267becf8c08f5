import { formatCidr, overlaps, parseCidr } from "../../../components/address/cidr";
import { documentsOfKind, inside, MACHINES, type Machine, machines, machineValues } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "pods-and-services-apart",
  area: "network",
  kind: "resource",
  sentence: "The networks of machines, pods and services must not share an address.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "A pod with a machine's address is answered by one of the two, and neither network can be changed later.",
  fix: "Choose networks of their own before the cluster is made.",
  types: MACHINES,
  check: (resource) => machines(resource).flatMap(clashes),
};

function clashes(machine: Machine) {
  const networks = [
    ...named(machine, "cluster.network.podSubnets"),
    ...named(machine, "cluster.network.serviceSubnets"),
    ...documentsOfKind(machine, "LinkConfig").flatMap(({ addresses }) =>
      ((addresses ?? []) as { readonly address: string }[]).map(({ address }) => ({
        what: "the machine",
        text: address,
      })),
    ),
  ].flatMap(({ what, text }) => {
    const cidr = network(text);
    return cidr === undefined ? [] : [{ what, cidr }];
  });
  return networks.flatMap(({ what, cidr }, place) =>
    networks
      .slice(0, place)
      .filter((other) => other.what !== what && overlaps(other.cidr, cidr))
      .map((other) => ({
        path: inside(machine, what),
        reason: `${formatCidr(cidr)} overlaps ${formatCidr(other.cidr)} of ${other.what}`,
      })),
  );
}

function named(machine: Machine, path: string) {
  const [list] = machineValues(machine, path);
  return (Array.isArray(list) ? list : []).map((text) => ({ what: path, text: String(text) }));
}

/** The network of `10.0.0.7/24`, which is a host's own address. */
function network(text: string) {
  const { value, problem } = parseCidr(text, "");
  return value ?? parseCidr(/(\S+\/\d+)$/.exec(problem?.fix ?? "")?.[1] ?? "", "").value;
}
