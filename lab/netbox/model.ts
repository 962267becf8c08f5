import type { Field } from "./fields";
import type { Filter } from "./filters";
import type { Row, Store } from "./store";

/** One kind of object the server keeps. */
export interface Model {
  /** Below `/api/`, as in `ipam/ip-addresses`. */
  readonly path: string;
  readonly table: string;
  /** As the server calls it in messages: `IPAddress`. */
  readonly label: string;
  /** As in `ipam.ipaddress`. */
  readonly objectType: string;
  readonly fields: Readonly<Record<string, Field>>;
  readonly filters: Readonly<Record<string, Filter>>;
  readonly display: (row: Row, store: Store) => string;
  /** Rules between fields and objects; throws what is wrong. */
  readonly check?: (row: Readonly<Record<string, unknown>>, store: Store, settings: Settings, self?: number) => void;
  /** Order of lists. @default - by id */
  readonly order?: (a: Row, b: Row) => number;
  /** What else changes when an object goes. */
  readonly removed?: (row: Row, store: Store) => void;
}

/** Settings of the server that change what it accepts. */
export interface Settings {
  /** Whether an address may exist only once in the global table. @default true */
  readonly enforceGlobalUnique: boolean;
}

/** URLs, ids and the display name: what an object looks like where another one refers to it. */
export function brief(
  model: Pick<Model, "path" | "display">,
  row: Row,
  base: string,
  store: Store,
): Record<string, unknown> {
  return {
    id: row.id,
    url: `${base}/api/${model.path}/${row.id}/`,
    display_url: `${base}/${model.path}/${row.id}/`,
    display: model.display(row, store),
  };
}
