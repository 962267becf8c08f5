import { containers, imageReference, WORKLOADS } from "../../look/kubernetes";
import { levels, type ResourceRule } from "../../rule";

export const rule: ResourceRule = {
  name: "image-digest-pinned",
  area: "supply-chain",
  kind: "resource",
  sentence: "An image must be pinned by its digest where no registry of its publisher is reached.",
  severity: "medium",
  levels: levels("disabled", "disabled", "mandatory"),
  prevents: "A tag can be pushed again: a mirror holds one image of the name, and the publisher another.",
  fix: "Write it as name:tag@sha256:…; Talos wants the tag beside the digest.",
  types: WORKLOADS,
  check: (resource) =>
    containers(resource).flatMap(({ container, path }) => {
      const image = String(container.image ?? "");
      const { tag, digest } = imageReference(image);
      if (digest === undefined) return [{ path: `${path}.image`, reason: `"${image}" has no digest` }];
      return tag === undefined ? [{ path: `${path}.image`, reason: `"${image}" has a digest and no tag` }] : [];
    }),
};
