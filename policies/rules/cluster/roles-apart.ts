import { CONTROL_PLANE_NAMES } from "../../look/change";
import { APPLY } from "../../look/talos";
import { type ChangeRule, levels } from "../../rule";

export const rule: ChangeRule = {
  name: "roles-apart",
  area: "cluster",
  kind: "change",
  provider:
    "Nothing has to be: a release changes its workers after its control planes. The rule is for stacks that configure machines themselves.",
  sentence: "Control planes and workers must not be changed in one wave.",
  severity: "high",
  levels: levels("disabled", "advisory", "mandatory"),
  prevents: "A bad change that meets both roles at once leaves nothing to repair the cluster from.",
  fix: "Change the control planes first, with --target, and the workers in an update of their own.",
  settings: { controlPlanes: CONTROL_PLANE_NAMES },
  check(steps, { controlPlanes }) {
    const name = new RegExp(controlPlanes);
    const changed = steps.filter((step) => step.type === APPLY && step.op === "update");
    const planes = changed.filter((step) => name.test(step.name));
    const workers = changed.filter((step) => !name.test(step.name));
    const [first] = workers;
    if (planes.length === 0 || first === undefined) return [];
    const reason = `it would change together with ${planes.map((plane) => plane.name).join(", ")}`;
    return [{ path: first.name, reason, urn: first.urn }];
  },
};
