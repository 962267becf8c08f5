import { sameAddress } from "../../../components/address/cidr";
import { BOOTSTRAP, hostOf } from "../../look/talos";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "api-survives-a-machine",
  area: "cluster",
  kind: "resource",
  sentence: "With several control planes the Kubernetes API must not hang on the address of one of them.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "Three control planes behind the address of one are as available as that one.",
  fix: "Give the control planes a shared address (network.vip), or put a load balancer before them.",
  types: [BOOTSTRAP],
  check({ props }) {
    const planes: readonly string[] = props.controlPlanes ?? [];
    const host = hostOf(props.endpoint) ?? "";
    if (planes.length < 2 || !planes.some((address) => sameAddress(address, host))) return [];
    return [{ path: "endpoint", reason: `${host} is one of ${planes.length} control planes` }];
  },
};
