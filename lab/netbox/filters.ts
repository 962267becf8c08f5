import { parseAddress, parseCidr } from "../../components/address/cidr";
import { fieldsFor } from "./customfields";
import { ApiError } from "./errors";
import { hostOf } from "./fields";
import type { Row, Store } from "./store";

/** Whether a row passes, given every value the parameter was sent with. */
export interface Filter {
  readonly match: (row: Row, values: readonly string[], store: Store) => boolean;
  /** A value the server refuses with 400. */
  readonly refuse?: (value: string, store: Store) => string | undefined;
}

type Test = (have: string, want: string) => boolean;

const lookups: Readonly<Record<string, Test>> = {
  "": (have, want) => have === want,
  __n: (have, want) => have !== want,
  __ic: (have, want) => have.toLowerCase().includes(want.toLowerCase()),
  __nic: (have, want) => !have.toLowerCase().includes(want.toLowerCase()),
  __ie: (have, want) => have.toLowerCase() === want.toLowerCase(),
  __nie: (have, want) => have.toLowerCase() !== want.toLowerCase(),
  __isw: (have, want) => have.toLowerCase().startsWith(want.toLowerCase()),
  __iew: (have, want) => have.toLowerCase().endsWith(want.toLowerCase()),
  __empty: (have, want) => (have === "") === (want.toLowerCase() === "true"),
};

/** Text by exact value, case-sensitive, with the lookups `__ic`, `__ie`, `__isw`, `__iew`, `__n`, `__empty`. */
export function textFilters(field: string, read: (row: Row) => unknown = (row) => row[field]): Record<string, Filter> {
  const entries = Object.entries(lookups).map(([suffix, test]): [string, Filter] => [
    `${field}${suffix}`,
    {
      match: (row, values) => {
        const have = String(read(row) ?? "");
        return suffix.startsWith("__n")
          ? values.every((want) => test(have, want))
          : values.some((want) => test(have, want));
      },
    },
  ]);
  return Object.fromEntries(entries);
}

/** Ids, with `__n`, `__gt`, `__gte`, `__lt`, `__lte`; `null` means none. */
export function numberFilters(name: string, field = name): Record<string, Filter> {
  const number = (test: (have: number, want: number) => boolean): Filter => ({
    match: (row, values) => values.some((want) => test(Number(row[field]), Number(want))),
  });
  return {
    [name]: {
      match: (row, values) =>
        values.some((want) => (want === "null" ? row[field] === null : row[field] === Number(want))),
    },
    [`${name}__n`]: { match: (row, values) => values.every((want) => row[field] !== Number(want)) },
    [`${name}__gt`]: number((have, want) => have > want),
    [`${name}__gte`]: number((have, want) => have >= want),
    [`${name}__lt`]: number((have, want) => have < want),
    [`${name}__lte`]: number((have, want) => have <= want),
  };
}

/** Times of creation and change. */
export function timeFilters(field: "created" | "last_updated"): Record<string, Filter> {
  const time = (test: (have: number, want: number) => boolean): Filter => ({
    match: (row, values) => values.every((want) => test(Date.parse(row[field]), Date.parse(want))),
  });
  return {
    [`${field}__gte`]: time((have, want) => have >= want),
    [`${field}__lte`]: time((have, want) => have <= want),
  };
}

/** One of a fixed list; another value is refused. */
export function choiceFilter(field: string, choices: readonly string[]): Record<string, Filter> {
  return {
    [field]: {
      match: (row, values) => values.includes(String(row[field])),
      refuse: (value) =>
        choices.includes(value) ? undefined : `Select a valid choice. ${value} is not one of the available choices.`,
    },
  };
}

function slugs(row: Row, store: Store): string[] {
  return ((row.tags ?? []) as number[]).map((id) => String(store.get("tags", id)?.slug));
}

/** Tags by slug, all of them when repeated; an unknown slug is refused. */
export const tagFilters: Record<string, Filter> = {
  tag: {
    match: (row, values, store) => values.every((slug) => slugs(row, store).includes(slug)),
    refuse: (value, store) =>
      store.all("tags").some((tag) => tag.slug === value)
        ? undefined
        : `Select a valid choice. ${value} is not one of the available choices.`,
  },
  tag__n: { match: (row, values, store) => values.every((slug) => !slugs(row, store).includes(slug)) },
  tag_id: { match: (row, values) => values.every((id) => ((row.tags ?? []) as number[]).includes(Number(id))) },
};

/** Addresses by host or host and mask; nonsense finds nothing. */
export function addressFilter(field: string): Filter {
  return {
    match: (row, values) =>
      values.some((want) => {
        const [host = "", mask] = want.split("/");
        const { value } = parseAddress(host, "");
        const have = hostOf(row[field]);
        return (
          value !== undefined &&
          have.family === value.family &&
          have.value === value.value &&
          (mask === undefined || have.mask === Number(mask))
        );
      }),
  };
}

/** Addresses inside a network. */
export function parentFilter(field: string): Filter {
  return {
    match: (row, values) =>
      values.some((want) => {
        const { value } = parseCidr(want, "");
        const have = hostOf(row[field]);
        return (
          value !== undefined && have.family === value.family && value.first <= have.value && have.value <= value.last
        );
      }),
  };
}

/**
 * `cf_<name>`: a field with loose logic matches a part of the value and knows no lookups; one with exact logic matches
 * the whole and does; a disabled one is no filter at all. Several values mean any of them.
 */
export function customFilters(store: Store, objectType: string): Record<string, Filter> {
  const filters: Record<string, Filter> = {};
  for (const field of fieldsFor(store, objectType)) {
    const name = String(field.name);
    const read = (row: Row) => (row.custom_fields as Record<string, unknown>)[name];
    const all = textFilters(`cf_${name}`, read);
    if (field.filter_logic === "exact") Object.assign(filters, all);
    const part = all[`cf_${name}__ic`];
    if (field.filter_logic === "loose" && part) filters[`cf_${name}`] = part;
  }
  return filters;
}

/** Rows that pass every filter the server knows. What it does not know it ignores. */
export function applyFilters(
  rows: readonly Row[],
  query: URLSearchParams,
  filters: Readonly<Record<string, Filter>>,
  store: Store,
): Row[] {
  const errors: Record<string, string[]> = {};
  const active: { filter: Filter; values: string[] }[] = [];
  for (const name of new Set(query.keys())) {
    const filter = filters[name];
    if (!filter) continue;
    const values = query.getAll(name);
    const refused = values.flatMap((value) => filter.refuse?.(value, store) ?? []);
    if (refused.length > 0) errors[name] = refused;
    active.push({ filter, values });
  }
  if (Object.keys(errors).length > 0) throw new ApiError(400, errors);
  return rows.filter((row) => active.every(({ filter, values }) => filter.match(row, values, store)));
}
