import { CONTROL_PLANE_NAMES, endings, MACHINE_TYPES, word } from "../../look/change";
import { always, type ChangeRule } from "../../rule";

export const rule: ChangeRule = {
  name: "control-plane-kept",
  area: "cluster",
  kind: "change",
  provider:
    "Another server in the place of one at Latitude.sh unless its generation is raised; machines of other providers it does not see.",
  sentence: "An update must not replace or delete the machine of a control plane.",
  severity: "critical",
  levels: always("mandatory"),
  prevents:
    "A changed image or user data replaced every control plane at once, and etcd was gone (siderolabs/terraform-provider-talos#140, hcloud-talos#449).",
  fix: "Undo what makes it a replacement; a version changes in place, and a dead machine is replaced under its key (plinth renew).",
  settings: { controlPlanes: CONTROL_PLANE_NAMES },
  check(steps, { controlPlanes }) {
    const name = new RegExp(controlPlanes);
    return endings(steps)
      .filter((step) => MACHINE_TYPES.includes(step.type) && name.test(step.name))
      .map((step) => ({ path: step.name, reason: `it would be ${word(step)}`, urn: step.urn }));
  },
};
