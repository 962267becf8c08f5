import { contains, parseAddress } from "../../../components/address/cidr";
import { ranges, SERVICE_POOLS } from "../../look/pools";
import { APPLY, BOOTSTRAP, hostOf, RELEASE } from "../../look/talos";
import { always, type Resource, type StackRule } from "../../rule";

export const rule: StackRule = {
  name: "pools-clear-of-machines",
  area: "network",
  kind: "stack",
  sentence: "A pool of service addresses must leave out the machines and the address of the Kubernetes API.",
  severity: "critical",
  levels: always("mandatory"),
  prevents:
    "A service that is given the API's address answers in its place, and nobody reaches the cluster to take it away.",
  fix: "Take those addresses out of the pool.",
  types: [...SERVICE_POOLS, APPLY, RELEASE, BOOTSTRAP],
  check(resources) {
    const taken = resources.flatMap(addresses);
    return resources.flatMap((pool) =>
      ranges(pool).flatMap(({ path, text, range }) =>
        taken.flatMap(({ what, address }) => {
          const parsed = parseAddress(address, "").value;
          if (parsed === undefined || !contains(range, parsed)) return [];
          return [{ path: `${pool.name}.${path}`, reason: `${text} holds ${address}, ${what}`, urn: pool.urn }];
        }),
      ),
    );
  },
};

function addresses({ type, name, props }: Resource): readonly { readonly what: string; readonly address: string }[] {
  if (type === APPLY)
    return typeof props.node === "string" ? [{ what: `the machine of ${name}`, address: props.node }] : [];
  if (type === BOOTSTRAP) {
    const host = hostOf(props.endpoint);
    return host === undefined ? [] : [{ what: "the Kubernetes API", address: host }];
  }
  if (type !== RELEASE) return [];
  return Object.keys(props.nodes ?? {}).map((key) => ({
    what: `the machine ${key}`,
    address: props.nodes[key].address,
  }));
}
