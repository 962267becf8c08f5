import { formatProblem } from "../../components/problem";
import { checkSite } from "../../components/site/parse";
import { siteSchema } from "../../components/site/spec";
import { siteFile } from "../support/site";

interface Def {
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly innerType?: unknown;
  readonly valueType?: unknown;
  readonly element?: unknown;
  readonly options?: readonly unknown[];
}

/** What nobody writes: too short, too long, of no form, out of bounds, of another type, nothing. */
const BAD = ["", "x y", "\u0000", "x".repeat(5000), -1, 1e12, 1.5, true, null];

/** Every way to have one bad value in each field of a schema. Alternatives of a union take turns. */
function filled(schema: unknown, bad: unknown, turn: number): unknown {
  const def = (schema as { readonly _zod: { readonly def: Def } })._zod.def;
  if (def.innerType) return filled(def.innerType, bad, turn);
  if (def.options) return filled(def.options[turn % def.options.length], bad, turn);
  if (def.shape) {
    return Object.fromEntries(Object.entries(def.shape).map(([key, field]) => [key, filled(field, bad, turn)]));
  }
  if (def.valueType) return { one: filled(def.valueType, bad, turn), "x y": filled(def.valueType, bad, turn) };
  if (def.element) return [filled(def.element, bad, turn)];
  return bad;
}

/** Words that help nobody, and the library's own. */
const HELPLESS = /see the reference|correct it|what the field is named after|Invalid |Too small|Too big|undefined|\^\(/;

test.each(BAD.flatMap((bad) => [0, 1, 2].map((turn) => [bad, turn] as const)))(
  "%j in every field is refused with a way out (%i)",
  (bad, turn) => {
    const { problems } = checkSite(filled(siteSchema, bad, turn));
    expect(problems.length).toBeGreaterThan(100);
    expect(problems.filter(({ reason, fix }) => HELPLESS.test(`${reason} ${fix}`) || fix === "")).toEqual([]);
  },
);

test("an empty list in every field that has to have one is refused with what belongs there", () => {
  const site = siteFile();
  site.platform = { tailscale: { routes: [] } };
  const found = checkSite(site).problems.map(formatProblem);
  expect(found).toContain(
    "platform.tailscale.routes: is an empty list (name 1 or more: what belongs here: Networks that the tailnet reaches through the cluster)",
  );
});

test("what is out of bounds or of no form is told with the bounds or the form", () => {
  const site = siteFile();
  site.network.mtu = 100;
  site.talos.extensions = [""];
  site.machines["cp-1"].taints = [{ key: "a b", value: "x y", effect: "NoSchedule" }];
  site.machines["cp-2"].disk = { selector: {} };
  site.machines["cp-3"].disk = { selector: { size: "big" } };
  expect(checkSite(site).problems.map(formatProblem)).toEqual([
    "network.mtu: 100 is out of bounds (write 1280 or more)",
    "talos.extensions[0]: is empty (what belongs here: Official system extensions of the image, as siderolabs/iscsi-tools; leave the key out if there is none)",
    'machines.cp-1.taints[0].key: "a b" is not a taint key (write [prefix/]name with at most 63 letters, digits, . _ -)',
    'machines.cp-1.taints[0].value: "x y" does not fit here (write at most 63 letters, digits, . _ -, beginning and ending with a letter or digit)',
    "machines.cp-2.disk.selector: an empty selector would match every disk (name type, model, size or busPath, so that one disk of the machine has all of it)",
    'machines.cp-3.disk.selector.size: "big" does not fit here (write a size as in >= 100GB)',
  ]);
});
