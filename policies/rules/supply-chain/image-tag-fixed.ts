import { containers, imageReference, isFloating, WORKLOADS } from "../../look/kubernetes";
import { always, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "image-tag-fixed",
  area: "supply-chain",
  kind: "resource",
  sentence: "An image must be named by a version, not by a tag that moves.",
  severity: "high",
  levels: always("mandatory"),
  prevents: "latest is whatever was pushed last: the same declaration runs another program after the next restart.",
  fix: "Write the version's tag, and its digest where you can.",
  types: WORKLOADS,
  check: (resource) =>
    containers(resource).flatMap(({ container, path }) => {
      const image = String(container.image ?? "");
      const { tag, digest } = imageReference(image);
      return digest === undefined && isFloating(tag)
        ? [{ path: `${path}.image`, reason: `"${image}" has no version` }]
        : [];
    }),
};
