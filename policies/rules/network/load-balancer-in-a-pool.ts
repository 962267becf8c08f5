import { contains, parseAddress } from "../../../components/address/cidr";
import { ranges, SERVICE_POOLS } from "../../look/pools";
import { levels, type Resource, type StackRule } from "../../rule";

const SERVICE = "kubernetes:core/v1:Service";
const ANNOTATIONS = ["metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs", "lbipam.cilium.io/ips"];

export const rule: StackRule = {
  name: "load-balancer-in-a-pool",
  area: "network",
  kind: "stack",
  sentence: "An address that a Service asks for must lie in a pool of its stack.",
  severity: "medium",
  levels: levels("advisory", "advisory", "mandatory"),
  prevents: "A Service that asks for an address nobody gives out waits for ever, without a word.",
  fix: "Ask for an address of a pool, or widen the pool.",
  types: [SERVICE, ...SERVICE_POOLS],
  check(resources) {
    const given = resources.flatMap(ranges);
    // Without a pool in this stack another one gives addresses out.
    if (given.length === 0) return [];
    return resources.flatMap((service) =>
      wanted(service).flatMap(({ path, text }) => {
        const address = parseAddress(text, path).value;
        const found = address !== undefined && given.some(({ range }) => contains(range, address));
        return found ? [] : [{ path: `${service.name}.${path}`, reason: `${text} is in no pool`, urn: service.urn }];
      }),
    );
  },
};

function wanted({ props }: Resource): readonly { readonly path: string; readonly text: string }[] {
  if (props.spec?.type !== "LoadBalancer") return [];
  const annotations = props.metadata?.annotations ?? {};
  const asked = ANNOTATIONS.flatMap((name) =>
    typeof annotations[name] === "string"
      ? annotations[name].split(",").map((text: string) => ({ name, text: text.trim() }))
      : [],
  );
  const field = props.spec.loadBalancerIP;
  return [
    ...asked.map(({ name, text }) => ({ path: `metadata.annotations["${name}"]`, text })),
    ...(typeof field === "string" ? [{ path: "spec.loadBalancerIP", text: field }] : []),
  ];
}
