/** Everything that would keep a server from being ordered, told at preview. */
import type { ServerInputs } from "../../components/machine/latitude/LatitudeServer";
import { type Billing, type Offer, orderProblems } from "../../components/machine/latitude/plans";
import { type Problem, ProblemError } from "../../components/problem";
import { suggestion } from "../../components/similar";
import { type Draft, known, unknown } from "../draft";
import type { Change, Context } from "../resource";
import { type Latitude, LatitudeError } from "./api";
import type { LatitudeDrivers } from "./drivers";
import { existing } from "./order";

/** Problems of an order that is still to be made; a server that exists was found good when it was ordered. */
export async function serverProblems(
  drivers: LatitudeDrivers,
  draft: Draft<ServerInputs>,
  context: Context,
  accepted?: () => Draft<ServerInputs>,
): Promise<readonly Problem[]> {
  const wanted = known<ServerInputs>(draft);
  if (wanted === undefined) return [];
  const before = accepted === undefined ? undefined : known<ServerInputs>(accepted());
  // Of a server that exists the diff says what may change.
  if (before !== undefined && sameServer(before, wanted)) return [];
  try {
    const api = drivers.latitude(context);
    try {
      return await orderable(drivers, api, wanted, context);
    } finally {
      api.close();
    }
  } catch (error) {
    if (error instanceof ProblemError) return error.problems;
    const problem = asProblem(error);
    if (problem !== undefined) return [problem];
    throw error;
  }
}

async function orderable(
  drivers: LatitudeDrivers,
  api: Latitude,
  wanted: ServerInputs,
  { config, log, signal }: Context,
): Promise<readonly Problem[]> {
  const { project, plan, site, hostname, billing = "hourly" } = wanted;
  const projects = await api.projects(signal);
  if (!projects.some(({ id, slug }) => id === project || slug === project)) {
    const slugs = projects.map(({ slug }) => slug).sort();
    const known = suggestion(project, slugs) ?? (slugs.length > 0 ? `it sees ${slugs.join(", ")}` : "it sees none");
    const reason = `the token sees no project "${project}"`;
    return [{ path: "project", reason, fix: `${known}; or use a token of its team` }];
  }
  // An earlier run may have ordered it and died: then there is nothing left to order.
  if ((await existing(drivers, api, wanted, signal)) !== undefined) return [];
  const offers = await api.offers(signal);
  const problems = [...orderProblems(offers, wanted)];
  const { limit, used } = await api.quota(signal);
  const account = config.latitude?.token ?? "";
  const promised = drivers.promised.others(account, hostname, used);
  if (limit !== undefined && used.length + promised.length >= limit) {
    const beside = promised.length > 0 ? `, and this site asks for ${promised.join(", ")} beside this one` : "";
    problems.push({
      path: "",
      reason: `the team may have ${limit} servers and has ${used.length}: ${used.join(", ")}${beside}`,
      fix: "give one back, or ask Latitude.sh for a higher limit",
    });
  }
  if (problems.length === 0) {
    drivers.promised.add(account, hostname);
    const offer = offers.find((each) => each.plan === plan && each.site === site);
    log.info(`${hostname} will be ordered: ${plan} in ${site}, billed ${billing}${offer && priceOf(offer, billing)}`);
  }
  return problems;
}

/** What it costs, as far as that is told: a yearly price is not. */
function priceOf({ hour, month }: Offer, billing: Billing): string {
  if (billing === "yearly") return "";
  const [price, per] = billing === "hourly" ? [hour, "hour"] : [month, "month"];
  return price === undefined ? "" : `, ${price.toFixed(2)} $ an ${per}`.replace("an month", "a month");
}

const sameServer = (a: ServerInputs, b: ServerInputs): boolean =>
  a.project === b.project && a.hostname === b.hostname && a.generation === b.generation;

/** What a person can do about a failure that is theirs to mend; `undefined` for the vendor's own trouble. */
export function asProblem(error: unknown): Problem | undefined {
  if (!(error instanceof LatitudeError)) return undefined;
  if (error.kind === "denied") {
    return {
      path: "latitude.token",
      reason: error.message,
      fix: "use a valid API key whose role may list plans and create, change and delete servers and virtual networks",
    };
  }
  if (error.kind === "unreachable" || error.kind === "foreign") {
    return { path: "latitude.url", reason: error.message, fix: "leave it out for the public API, or correct it" };
  }
  return undefined;
}

/** Another plan, site, project or name is another server: only somebody who says so gets one. */
export function refuseAnother(changes: readonly Change[], { hostname, generation = 1 }: ServerInputs): void {
  const other = changes.map(({ path }) => path).filter((path) => path !== "billing");
  if (other.length === 0) return;
  throw new ProblemError(`${hostname} is not replaced:`, [
    {
      path: other[0] ?? "",
      reason: `another ${other.join(" and ")} is another server, and the data of this one would be lost`,
      fix: `write generation: ${generation + 1} for the machine if another one shall take its place`,
    },
  ]);
}

/** An earlier generation is a server that is given back, or about to be: it cannot be taken up again by its name. */
export function refuseEarlier({ hostname, generation = 1 }: ServerInputs, draft: Draft<ServerInputs>): void {
  if (draft === unknown) return;
  const { generation: wanted = 1 } = draft;
  if (wanted === unknown || wanted >= generation) return;
  throw new ProblemError(`${hostname} is not replaced:`, [
    {
      path: "generation",
      reason: `generation ${generation} is rented, and the server of generation ${wanted} is given back`,
      fix: `write ${generation}, or ${generation + 1} for another server`,
    },
  ]);
}
