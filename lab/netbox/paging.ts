import type { Row } from "./store";

const standard = 50;
const largest = 1000;

/** How many objects a page may hold; nonsense means the standard, zero the largest. */
export function pageSize(query: URLSearchParams): number {
  const asked = query.get("limit");
  if (asked === null || !/^\d+$/.test(asked)) return standard;
  const size = Number(asked);
  return size === 0 ? largest : Math.min(size, largest);
}

/** One page of rows with the links to its neighbours, by offset or, with `start`, by id. */
export function page(rows: readonly Row[], url: URL): { head: Record<string, unknown>; rows: Row[] } {
  const query = url.searchParams;
  const limit = pageSize(query);
  const link = (name: string, value: number) => {
    const next = new URL(url);
    next.searchParams.set("limit", String(limit));
    next.searchParams.set(name, String(value));
    return next.toString();
  };
  const start = query.get("start");
  if (start !== null && /^\d+$/.test(start)) {
    const rest = [...rows].sort((a, b) => a.id - b.id).filter((row) => row.id >= Number(start));
    const shown = rest.slice(0, limit);
    const following = rest[limit];
    return { head: { count: null, next: following ? link("start", following.id) : null, previous: null }, rows: shown };
  }
  const offset = /^\d+$/.test(query.get("offset") ?? "") ? Number(query.get("offset")) : 0;
  const next = offset + limit < rows.length ? link("offset", offset + limit) : null;
  const previous = offset > 0 ? link("offset", Math.max(0, offset - limit)) : null;
  return { head: { count: rows.length, next, previous }, rows: rows.slice(offset, offset + limit) };
}

/** `ordering=name` or `-name`; what does not exist is ignored. */
export function sort(rows: Row[], query: URLSearchParams, order?: (a: Row, b: Row) => number): Row[] {
  const asked = query.get("ordering") ?? "";
  const field = asked.replace(/^-/, "");
  const sign = asked.startsWith("-") ? -1 : 1;
  if (field !== "" && rows.every((row) => field in row)) {
    return rows.sort(
      (a, b) => sign * (field === "id" ? a.id - b.id : String(a[field]).localeCompare(String(b[field]))),
    );
  }
  return order ? rows.sort(order) : rows;
}

/** Only the fields that `fields`, `omit` or `brief` ask for. */
export function pick(shown: Record<string, unknown>, query: URLSearchParams): Record<string, unknown> {
  const split = (name: string) => query.get(name)?.split(",");
  const brief =
    query.get("brief") === "true"
      ? ["id", "url", "display", "family", "address", "description", "name", "slug", "prefix"]
      : undefined;
  const only = split("fields") ?? brief;
  const without = split("omit") ?? [];
  return Object.fromEntries(
    Object.entries(shown).filter(([key]) => (only ? only.includes(key) : !without.includes(key))),
  );
}
