import { sameAddress } from "../../../components/address/cidr";
import { APPLY, machines, sharedAddresses } from "../../look/talos";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "vip-is-no-endpoint",
  area: "cluster",
  kind: "resource",
  sentence: "The Talos API of a machine must be called at its own address, never at the shared one.",
  severity: "high",
  levels: always("mandatory"),
  prevents:
    "The shared address works only while etcd does: it is away when the Talos API is needed most (siderolabs/talos#4011).",
  fix: "Write the machine's own address as node and endpoint.",
  types: [APPLY],
  check(resource) {
    const shared = machines(resource).flatMap(sharedAddresses);
    return ["node", "endpoint"].flatMap((field) => {
      const address = resource.props[field];
      const isShared = typeof address === "string" && shared.some((one) => sameAddress(one, address));
      return isShared ? [{ path: field, reason: `${address} is the shared address of the control planes` }] : [];
    });
  },
};
