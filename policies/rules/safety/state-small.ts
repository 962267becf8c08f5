import { always, type StateRule } from "../../rule";

export const rule: StateRule = {
  name: "state-small",
  area: "safety",
  kind: "state",
  sentence: "A state must stay within its budget.",
  severity: "low",
  levels: always("advisory"),
  prevents:
    "Every step writes the whole state: a thousand resources of 40 KB are 40 GB on the way (pulumi/pulumi#10668).",
  fix: "Split the stack by layer, and keep rendered texts out of inputs.",
  settings: {
    resources: { type: "integer", minimum: 1, description: "Most resources of a stack", default: 500 },
    bytes: { type: "integer", minimum: 1, description: "Most bytes of one resource", default: 65536 },
  },
  check({ resources }, { resources: most, bytes }) {
    const large = resources.flatMap(({ name, urn, raw }) => {
      const size = Buffer.byteLength(JSON.stringify(raw));
      return size > bytes ? [{ path: name, reason: `it has ${size} bytes, more than ${bytes}`, urn }] : [];
    });
    if (resources.length <= most) return large;
    return [...large, { path: "", reason: `there are ${resources.length} resources, more than ${most}` }];
  },
};
