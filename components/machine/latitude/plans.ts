import type { Problem } from "../../problem";
import { suggestion } from "../../similar";

/** What can be rented at Latitude.sh, and why a machine may be ordered there or not. Pure: the lists come from its API. */

/** One plan at one site. */
export interface Offer {
  /** Slug of the plan, as `c3-small-x86`. */
  readonly plan: string;
  /** Slug of the site, as `NYC`. */
  readonly site: string;
  readonly country: string;
  readonly inStock: boolean;
  readonly cores: number;
  readonly memoryGB: number;
  /** Drives as they are told, as `2 x 480 GB SSD`. */
  readonly drives: string;
  /** As `2 x NVIDIA L40S`. @default - none */
  readonly gpu?: string;
  /** Prices in US dollars. `undefined` where none is told. */
  readonly hour: number | undefined;
  readonly month: number | undefined;
}

/** What is asked for; what is left out matches anything. */
export interface Wish {
  readonly plan?: string;
  /** Slug of the site. */
  readonly site?: string;
  /** Whether it must have a GPU. @default false */
  readonly gpu?: boolean;
  /** At least so much memory, in GB. */
  readonly memoryGB?: number;
  readonly cores?: number;
}

/** An offer and everything that speaks against it; nothing, and it can be ordered. */
export interface Judged {
  readonly offer: Offer;
  readonly against: readonly string[];
}

/** Every offer with what speaks against it: what can be ordered first, the cheapest of it first. */
export function judgeOffers(offers: readonly Offer[], wish: Wish): readonly Judged[] {
  return offers
    .map((offer) => ({ offer, against: against(offer, wish) }))
    .sort(
      (a, b) =>
        a.against.length - b.against.length ||
        (a.offer.hour ?? Number.MAX_VALUE) - (b.offer.hour ?? Number.MAX_VALUE) ||
        `${a.offer.plan} ${a.offer.site}`.localeCompare(`${b.offer.plan} ${b.offer.site}`),
    );
}

function against(offer: Offer, wish: Wish): string[] {
  return [
    ...(wish.plan !== undefined && offer.plan !== wish.plan ? [`is not ${wish.plan}`] : []),
    ...(wish.site !== undefined && offer.site !== wish.site ? [`is in ${offer.site}`] : []),
    ...(wish.gpu === true && offer.gpu === undefined ? ["has no GPU"] : []),
    ...(wish.memoryGB !== undefined && offer.memoryGB < wish.memoryGB
      ? [`has ${offer.memoryGB} GB of memory, less than ${wish.memoryGB}`]
      : []),
    ...(wish.cores !== undefined && offer.cores < wish.cores
      ? [`has ${offer.cores} cores, less than ${wish.cores}`]
      : []),
    ...(offer.inStock ? [] : ["is out of stock"]),
  ];
}

/** Paths of the values that an order is made of, as the person who wrote them calls them. */
export interface OrderPaths {
  readonly plan: string;
  readonly site: string;
  readonly gpu: string;
}

/** Why a plan cannot be ordered at a site, with the nearest alternatives. */
export function orderProblems(
  offers: readonly Offer[],
  { plan, site, gpu = false }: { readonly plan: string; readonly site: string; readonly gpu?: boolean },
  paths: OrderPaths = { plan: "plan", site: "site", gpu: "gpu" },
): readonly Problem[] {
  const ofPlan = offers.filter((offer) => offer.plan === plan);
  const ofSite = offers.filter((offer) => offer.site === site);
  const problems: Problem[] = [];
  if (ofSite.length === 0) {
    const sites = [...new Set(offers.map((offer) => offer.site))].sort();
    const fix = suggestion(site, sites) ?? `choose one of ${sites.join(", ")}`;
    problems.push({ path: paths.site, reason: `there is no site "${site}"`, fix });
  }
  const model = ofPlan[0];
  if (model === undefined) {
    const plans = [...new Set(offers.map((offer) => offer.plan))].sort();
    const fix = [suggestion(plan, plans), nearest(offers, { site, gpu })]
      .filter((each) => each !== undefined)
      .join(" ");
    problems.push({ path: paths.plan, reason: `there is no plan "${plan}"`, fix });
    return problems;
  }
  if (gpu && model.gpu === undefined) {
    problems.push({ path: paths.gpu, reason: `${plan} has no GPU`, fix: nearest(offers, { site, gpu }, model) });
  }
  const offer = ofPlan.find((each) => each.site === site);
  if (ofSite.length > 0 && offer === undefined) {
    const reason = `${site} does not have ${plan}`;
    problems.push({ path: paths.plan, reason, fix: alternatives(offers, { plan, site, gpu }, model) });
  } else if (offer !== undefined && !offer.inStock) {
    const reason = `${plan} is out of stock in ${site}`;
    problems.push({ path: paths.plan, reason, fix: alternatives(offers, { plan, site, gpu }, model) });
  }
  return problems;
}

/** The same plan elsewhere, and its like at the same site. */
function alternatives(
  offers: readonly Offer[],
  { plan, site, gpu }: Required<Pick<Wish, "plan" | "site" | "gpu">>,
  model: Offer,
): string {
  const elsewhere = offers.filter((offer) => offer.plan === plan && offer.inStock).map((offer) => offer.site);
  const here = nearest(offers, { site, gpu }, model);
  return elsewhere.length === 0 ? here : `${here}; ${plan} is in stock in ${elsewhere.sort().join(", ")}`;
}

/** How many alternatives a person is told of. */
const FEW = 3;

/** Plans in stock at the site that are most like the model, or the cheapest without one. */
function nearest(offers: readonly Offer[], { site, gpu }: Wish, model?: Offer): string {
  const fitting = offers.filter((offer) => offer.inStock && (gpu !== true || offer.gpu !== undefined));
  const here = fitting.filter((offer) => offer.site === site);
  const distance = (offer: Offer) =>
    model === undefined
      ? (offer.hour ?? Number.MAX_VALUE)
      : Math.abs(Math.log2(offer.memoryGB / model.memoryGB)) + Math.abs(Math.log2(offer.cores / model.cores));
  const few = [...(here.length > 0 ? here : fitting)]
    .sort((a, b) => distance(a) - distance(b) || a.plan.localeCompare(b.plan))
    .slice(0, FEW);
  const kind = gpu === true ? " with a GPU" : "";
  if (few.length === 0) return `nothing${kind} is in stock anywhere; try again later`;
  const told = few.map((offer) => `${offer.plan}${here.length > 0 ? "" : ` in ${offer.site}`}${priceText(offer)}`);
  return `in stock${here.length > 0 ? ` in ${site}` : ""}${kind}: ${told.join(", ")}`;
}

function priceText({ hour }: Offer): string {
  return hour === undefined ? "" : ` (${hour.toFixed(2)} $/h)`;
}

/** Kinds of contract a machine is rented under. */
export type Billing = "hourly" | "monthly" | "yearly";

/**
 * What the vendor still asks for a machine that is given back now. `orderedAt` and `now` are in milliseconds since 1970.
 */
export function remainingBill(billing: Billing, orderedAt: number | undefined, now: number): string {
  if (billing === "hourly") return "billed by the hour until now; it may take an hour to show in the bill";
  if (billing === "yearly") return "reserved: the committed term stays paid, and goes to another server of its kind";
  const until = orderedAt === undefined ? undefined : nextRenewal(orderedAt, now);
  const date = until === undefined ? "its renewal" : new Date(until).toISOString().slice(0, 10);
  return `paid by the month: stays paid until ${date}, and nothing is refunded`;
}

/** The first monthly anniversary of `start` after `now`. */
function nextRenewal(start: number, now: number): number {
  const first = new Date(start);
  for (let months = 1; ; months++) {
    const day = new Date(
      Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + months, 1, first.getUTCHours(), first.getUTCMinutes()),
    );
    const last = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();
    day.setUTCDate(Math.min(first.getUTCDate(), last));
    if (day.getTime() > now) return day.getTime();
  }
}
