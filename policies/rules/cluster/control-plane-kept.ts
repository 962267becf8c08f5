import { CONTROL_PLANE_NAMES, endings, MACHINE_TYPES, word } from "../../look/change";
import { always, type ChangeRule, type Step } from "../../rule";

export const rule: ChangeRule = {
  name: "control-plane-kept",
  area: "cluster",
  kind: "change",
  provider:
    "Another server in the place of one at Latitude.sh is refused unless its generation is raised; it does not see machines of other providers.",
  sentence:
    "An update must not replace or delete the machine of a control plane, but for one whose generation was raised.",
  severity: "critical",
  levels: always("mandatory"),
  prevents:
    "A changed image or user data replaced every control plane at once, and etcd was gone (siderolabs/terraform-provider-talos#140, hcloud-talos#449).",
  fix: "Undo what makes it a replacement; a version changes in place, and dead machines are replaced under their keys, one in each update (plinth renew).",
  settings: { controlPlanes: CONTROL_PLANE_NAMES },
  check(steps, { controlPlanes }) {
    const name = new RegExp(controlPlanes);
    const lost = endings(steps).filter((step) => MACHINE_TYPES.includes(step.type) && name.test(step.name));
    const renewed = lost.filter((step) => hasSuccessor(step, steps));
    // Rented machines are exchanged before the cluster is asked: etcd lives through one at a time.
    const spared = renewed.length === 1 ? renewed : [];
    return lost
      .filter((step) => !spared.includes(step))
      .map((step) => ({ path: step.name, reason: `it would be ${word(step)}`, urn: step.urn }));
  },
};

/** Whether a machine of a higher generation is made under its key. */
function hasSuccessor(lost: Step, steps: readonly Step[]): boolean {
  return steps.some(
    (made) =>
      made.after !== undefined &&
      made.type === lost.type &&
      keyOf(made) === keyOf(lost) &&
      generationOf(made, made.after) > generationOf(lost, lost.before),
  );
}

const GENERATION = /-g(\d+)$/;

/** Name without the generation, which plinth's machines have in it from the second on. */
function keyOf({ name }: Step): string {
  return name.replace(GENERATION, "");
}

function generationOf({ name }: Step, stored: Step["after"]): number {
  const { generation = GENERATION.exec(name)?.[1] ?? 1 } = stored?.raw.inputs ?? {};
  return Number(generation);
}
