import { isIP } from "node:net";
import { TRAITS } from "../machine/providers";
import { chartPin, imageReference, versions } from "../release/versions";
import { talosImages } from "../talos/images";
import type { SitePlan } from "./plan";

/** An image that a site's machines fetch. */
export interface Pull {
  /** `registry/repository:tag`; without a tag where only that release of Talos knows it. */
  readonly image: string;
  /** What of the site wants it. */
  readonly wanted: string;
}

type Pulling = Pick<SitePlan, "talos" | "kubernetes" | "nodes" | "platform" | "licence">;

/** Every image that the machines fetch, each once, sorted: installers, Talos' own, the platform's. */
export function sitePulls(plan: Pulling): readonly Pull[] {
  const found = [...talosPulls(plan), ...platformPulls(plan), ...licencePulls(plan)];
  const byImage = new Map(found.toReversed().map((pull) => [pull.image, pull]));
  return [...byImage.values()].sort((a, b) => (a.image < b.image ? -1 : 1));
}

function talosPulls({ talos, kubernetes, nodes, platform }: Pulling): readonly Pull[] {
  const kubeProxy = !platform?.services.some(({ name }) => name === "cilium");
  const versions = { talos: talos.version, kubernetes: kubernetes.version, cni: kubernetes.cni, kubeProxy };
  return [
    ...nodes.map(({ image }) => ({ image: (image ?? talos).installer, wanted: "installer of Talos" })),
    ...talosImages(versions).map(({ repository, tag }) => ({
      image: tag === undefined ? repository : `${repository}:${tag}`,
      wanted: `Talos ${talos.version}`,
    })),
  ];
}

function platformPulls({ platform }: Pulling): readonly Pull[] {
  return (platform?.services ?? []).flatMap((service) => {
    const { name, chart } = service;
    const text = JSON.stringify(service);
    const own = Object.entries(versions().images)
      .filter(([image, { spawnedBy = "" }]) => spawnedBy === chart?.name || text.includes(imageReference(image)))
      .map(([image]) => imageReference(image));
    return [...(chart === undefined ? [] : chartPin(chart.name).images), ...own].map((image) => ({
      image,
      wanted: name,
    }));
  });
}

function licencePulls({ licence }: Pulling): readonly Pull[] {
  return licence?.check === undefined ? [] : [{ image: licence.check.image, wanted: "licence check" }];
}

/** Registry that an image's name begins with. */
export function registryOf(image: string): string {
  return image.split("/")[0] ?? image;
}

/** Registries that machines without a way out would have to reach: those without a mirror, addresses apart. */
export function unreachedRegistries(plan: Pulling & Pick<SitePlan, "network" | "provider">): readonly string[] {
  const { network, provider, talos } = plan;
  const closed = network.gateway === undefined && network.nameservers.length === 0;
  if (!closed || TRAITS[provider].reach !== "own" || provider === "lab") return [];
  const mirrors = talos.mirrors ?? {};
  if (mirrors["*"] !== undefined) return [];
  const registries = new Set(sitePulls(plan).map(({ image }) => registryOf(image)));
  return [...registries].filter((name) => mirrors[name] === undefined && !isAddress(name)).sort();
}

function isAddress(registry: string): boolean {
  return isIP(registry.replace(/:\d+$/, "")) !== 0;
}
