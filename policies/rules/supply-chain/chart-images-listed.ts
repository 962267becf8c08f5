import { containers } from "../../look/kubernetes";
import { type ChartRule, levels } from "../../rule";

export const rule: ChartRule = {
  name: "chart-images-listed",
  area: "supply-chain",
  kind: "chart",
  sentence: "A chart must run no image that the table of versions does not list.",
  severity: "high",
  levels: levels("advisory", "advisory", "mandatory"),
  prevents: "An image that is in no list is in no bundle: the pod waits for it in a site without a way out.",
  fix: "Add the image to the chart's entry in components/release/versions.yaml, or switch what runs it off.",
  check({ name, pin, objects }) {
    if (pin === undefined) return [];
    const used = objects.flatMap((object) =>
      containers(object).map(({ container }) => nameAndTag(String(container.image ?? ""))),
    );
    const listed = pin.images.map(nameAndTag);
    return [...new Set(used)]
      .filter((image) => !listed.includes(image))
      .map((image) => ({ path: name, reason: `it runs ${image}` }));
  },
};

/** A digest may be known to the one side alone; Docker Hub goes by several names. */
function nameAndTag(image: string): string {
  const [reference = ""] = image.split("@");
  return reference.replace(/^(docker\.io|index\.docker\.io)\//, "").replace(/^library\//, "");
}
