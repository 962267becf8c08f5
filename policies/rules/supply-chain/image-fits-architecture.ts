import { containers, podSpec, WORKLOADS } from "../../look/kubernetes";
import { always, type ResourceRule } from "../../rule";

const ARCHITECTURES = ["amd64", "arm64"] as const;

export const rule: ResourceRule = {
  name: "image-fits-architecture",
  area: "supply-chain",
  kind: "resource",
  sentence: "An image that names an architecture must run on machines of that architecture.",
  severity: "medium",
  levels: always("mandatory"),
  prevents: "An amd64 image on a Raspberry Pi ends in exec format error, over and over.",
  fix: "Use the image for all architectures, or select nodes by kubernetes.io/arch.",
  types: WORKLOADS,
  check(resource) {
    const selected = podSpec(resource).spec.nodeSelector?.["kubernetes.io/arch"];
    return containers(resource).flatMap(({ container, path }) => {
      const image = String(container.image ?? "");
      const own = ARCHITECTURES.find((architecture) =>
        new RegExp(`(^|[^a-z0-9])${architecture}([^a-z0-9]|$)`).test(image),
      );
      if (own === undefined || own === selected) return [];
      const where = selected === undefined ? "any machine" : `${selected} machines`;
      return [{ path: `${path}.image`, reason: `"${image}" is for ${own} and may run on ${where}` }];
    });
  },
};
