/** `plinth:licensing:Licence`: the memory of what a licence covered, and the one place that refuses growth. */
import { z } from "zod";
import { keyRing, licenceKey } from "../../components/licensing/keys";
import type { LicenceInputs, LicenceOutputs } from "../../components/licensing/Licence";
import { RELEASED } from "../../components/licensing/released";
import { FEATURES, type Feature } from "../../components/licensing/tiers";
import { COUNTED_FIRST, growth, NOTHING, recalled, together, type Use, within } from "../../components/licensing/use";
import { grant, LICENCE_STATES, type Verdict, verifyLicence } from "../../components/licensing/verdict";
import { type Problem, ProblemError } from "../../components/problem";
import { known } from "../draft";
import { changesBetween } from "../host/diff";
import type { Change, Context, Resource } from "../resource";
import { checkpoint } from "../wait";

/** The outside world of licences; tests hand in one that fails. */
export interface LicenceDrivers {
  now(signal: AbortSignal): Promise<Date>;
}

/** A mark as old as this is written anew: often enough to notice a clock, too seldom to be seen in every preview. */
const STALE = 7 * 86_400_000;

/** What this plinth counts. */
const FEATURE_NAMES = Object.keys(FEATURES) as readonly Feature[];

const count = z.int().min(0);
// What a later plinth stored must not keep a site from going back to this one.
const features = z
  .array(z.string())
  .transform((names): readonly Feature[] => names.filter((name): name is Feature => Object.hasOwn(FEATURES, name)));
const use = z.strictObject({ sites: count, nodes: count, gpus: count, features }) satisfies z.ZodType<Use>;
const texts = z.array(z.string()).readonly();
const limit = count.exactOptional();

const inputs = z.strictObject({
  text: z.string(),
  keys: z.array(licenceKey).min(1).readonly(),
  revocations: z.string().exactOptional(),
  use,
  adopted: use.exactOptional(),
  devices: z.strictObject({ uuids: texts, wwids: texts }).exactOptional(),
}) satisfies z.ZodType<LicenceInputs>;

const outputs = z.object({
  verdict: z
    .enum([...LICENCE_STATES, "none"])
    .catch("none")
    .default("none"),
  granted: z
    .object({
      id: z.string(),
      customer: z.string(),
      tier: z.string(),
      features: texts,
      limits: z.object({ sites: limit, nodes: limit, gpus: limit }),
      notAfter: z.string(),
      graceDays: z.int(),
    })
    .exactOptional(),
  covered: use.default(NOTHING),
  // What a later plinth counted is forgotten with the feature itself: it comes back as one that nobody asked for.
  counted: features.default(COUNTED_FIRST),
  mark: z
    .object({ id: z.string(), sequence: z.int(), issued: z.string(), time: z.string(), revocations: z.int() })
    .exactOptional(),
});

export function licence(drivers: LicenceDrivers): Resource<LicenceInputs, LicenceOutputs> {
  const judged = async (given: LicenceInputs, prior: LicenceOutputs | undefined, { signal }: Context) => {
    checkpoint(signal);
    const now = await drivers.now(signal);
    checkpoint(signal);
    return judge(given, prior, now);
  };
  /** Judged, and refused if the site grows without a licence. */
  const reached = async (given: LicenceInputs, prior: LicenceOutputs | undefined, context: Context) => {
    const judgement = await judged(given, prior, context);
    if (judgement.problem !== undefined) throw new ProblemError("The site may not grow:", [judgement.problem]);
    return judgement.outputs;
  };
  return {
    type: "plinth:licensing:Licence",
    inputs,
    outputs,
    secrets: ["text"],
    limits: { create: 30, read: 30, update: 30, delete: 30 },

    async check(draft, context, accepted) {
      const given = known<LicenceInputs>(draft);
      const before = accepted?.();
      // A change is judged by diff, which knows what was covered before.
      const change = typeof before === "object" && Object.keys(before).length > 0;
      if (given === undefined || change) return [];
      const { verdict, problem } = await judged(given, undefined, context);
      if (problem !== undefined) return [problem];
      tell(verdict, context);
      return [];
    },
    async diff(prior, draft, context) {
      const changes = changesBetween(prior.inputs, draft);
      const given = known<LicenceInputs>(draft);
      if (given === undefined) return changes;
      const { verdict, problem, outputs: next } = await judged(given, prior.outputs, context);
      if (problem !== undefined) throw new ProblemError("The site may not grow:", [problem]);
      tell(verdict, context);
      return [...changes, ...learnt(prior.outputs, next)];
    },
    async preview(draft, prior, context) {
      const given = known<LicenceInputs>(draft);
      if (given === undefined) return {};
      const { verdict, granted, covered, counted } = await reached(given, prior?.outputs, context);
      return { verdict, covered, counted, ...(granted !== undefined && { granted }) };
    },
    async create(given, context) {
      return { id: "licence", outputs: await reached(given, undefined, context) };
    },
    async update(_id, prior, given, context) {
      return { outputs: await reached(given, prior.outputs, context) };
    },
    async read(_id, prior, context) {
      if (prior === undefined)
        throw new Error(
          "a licence cannot be imported: declare it, and it is judged; plinth adopt brings a running site back",
        );
      const { verdict, outputs: seen } = await judged(prior.inputs, prior.outputs, context);
      tell(verdict, context);
      const news = learnt(prior.outputs, seen).length > 0;
      return { inputs: prior.inputs, outputs: news ? seen : prior.outputs };
    },
    delete: async () => undefined,
  };
}

interface Judgement {
  readonly verdict: Verdict;
  readonly outputs: LicenceOutputs;
  /** The site grows, and the licence does not allow it. */
  readonly problem?: Problem;
}

function judge(given: LicenceInputs, prior: LicenceOutputs | undefined, now: Date): Judgement {
  const { text, keys, revocations, use, devices } = given;
  const verdict = verifyLicence(text, {
    keys: keyRing(keys),
    now,
    released: new Date(RELEASED),
    use,
    ...(revocations !== undefined && { revocations }),
    ...(devices !== undefined && { devices }),
    ...(prior?.mark !== undefined && { mark: prior.mark }),
  });
  const { licence: claims, mark = prior?.mark, entitled } = verdict;
  const sold = claims && grant(claims);
  const before = prior === undefined ? (given.adopted ?? NOTHING) : recalled(prior.covered, prior.counted, use);
  const outputs: LicenceOutputs = {
    verdict: verdict.state,
    covered: entitled && sold !== undefined ? together(within(before, sold), use) : before,
    counted: FEATURE_NAMES,
    ...(mark !== undefined && { mark }),
    ...(claims !== undefined &&
      sold !== undefined && {
        granted: {
          id: claims.id,
          customer: claims.customer,
          tier: claims.tier,
          features: [...sold.features].sort(),
          limits: { ...sold.limits },
          notAfter: claims.notAfter,
          graceDays: claims.graceDays,
        },
      }),
  };
  const grown = growth(before, use);
  if (entitled || grown.length === 0) return { verdict, outputs };
  const reason = `${grown.join(", ")}; ${verdict.reason}`;
  return { verdict, outputs, problem: { path: "licence", reason, fix: `${verdict.fix}; or take back what is new` } };
}

/** How it stands, for the person who looks at the preview. */
function tell(verdict: Verdict, { log }: Context): void {
  for (const warning of verdict.warnings) log.warn(warning);
  if (verdict.state === "valid") log.info(verdict.reason);
  else if (verdict.entitled) log.warn(`${verdict.reason} (${verdict.fix})`);
  else
    log.warn(
      `${verdict.state}: ${verdict.reason} (${verdict.fix}). Until then the site may not grow; all else goes on`,
    );
}

/** What an update writes down although nobody changed the site file. */
function learnt(before: LicenceOutputs, next: LicenceOutputs): readonly Change[] {
  const seen = (path: string): Change => ({ path, kind: "update", output: true });
  const age = Date.parse(next.mark?.time ?? "") - Date.parse(before.mark?.time ?? "");
  // At the first update of a later plinth: from then on a feature more is growth.
  const more = next.counted.some((name) => !before.counted.includes(name));
  return [
    ...(before.verdict === next.verdict ? [] : [seen("verdict")]),
    ...(more ? [seen("counted")] : []),
    ...(age > STALE ? [seen("mark")] : []),
  ];
}
