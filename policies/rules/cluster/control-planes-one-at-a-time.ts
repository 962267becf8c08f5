import { CONTROL_PLANE_NAMES } from "../../look/change";
import { APPLY } from "../../look/talos";
import { type ChangeRule, levels } from "../../rule";

export const rule: ChangeRule = {
  name: "control-planes-one-at-a-time",
  area: "cluster",
  kind: "change",
  provider:
    "Nothing has to be: a release changes its control planes one after the other. The rule is for stacks that configure machines themselves.",
  sentence: "Control planes must be changed one after the other.",
  severity: "critical",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "One patch rebooted all control planes at the same time (siderolabs/omni#244, siderolabs/talos#5712).",
  fix: "Make each wait for the one before it (dependsOn), or let a TalosCluster change them behind etcd's gate.",
  settings: { controlPlanes: CONTROL_PLANE_NAMES },
  check(steps, { controlPlanes }) {
    const name = new RegExp(controlPlanes);
    const changed = steps.filter((step) => step.type === APPLY && step.op === "update" && name.test(step.name));
    return changed.flatMap((step, place) => {
      const free = changed.slice(0, place).filter((other) => {
        const waits = step.after?.dependencies.includes(other.urn) || other.after?.dependencies.includes(step.urn);
        return waits !== true;
      });
      if (free.length === 0) return [];
      const others = free.map((other) => other.name).join(", ");
      return [{ path: step.name, reason: `it would change together with ${others}`, urn: step.urn }];
    });
  },
};
