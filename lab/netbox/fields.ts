import { type Cidr, formatAddress, parseAddress, parseCidr } from "../../components/address/cidr";
import { Invalid, invalid } from "./errors";
import type { Row, Store } from "./store";

/** What a field reads from and writes to the API, and how it is kept. */
export interface Field {
  /** Must be given when an object is made. */
  readonly required?: boolean;
  /** Value of an object that does not say. */
  readonly initial?: unknown;
  /** Ignored in what a client sends. */
  readonly readOnly?: boolean;
  /** From what a client sends to what is kept. @default - as it is */
  readonly parse?: (value: unknown, name: string, store: Store) => unknown;
  /** From what is kept to what a client sees. @default - as it is */
  readonly show?: (value: unknown, store: Store, row: Row, base: string) => unknown;
}

/** Text of at most `max` characters. */
export function text({ max = 200, ...more }: Field & { max?: number } = {}): Field {
  return {
    initial: "",
    parse: (value, name) => {
      if (typeof value !== "string" && typeof value !== "number") throw invalid(name, "Not a valid string.");
      const read = String(value);
      if (read.length > max) throw invalid(name, `Ensure this field has no more than ${max} characters.`);
      return read;
    },
    ...more,
  };
}

/** True or false. */
export function flag(): Field {
  return {
    initial: false,
    parse: (value, name) => {
      if (typeof value === "boolean") return value;
      throw invalid(name, "Must be a valid boolean.");
    },
  };
}

/** A whole number, or null. */
export function whole(initial: number | null = null): Field {
  return {
    initial,
    parse: (value, name) => {
      if (value === null || Number.isInteger(value)) return value;
      throw invalid(name, "A valid integer is required.");
    },
  };
}

/** One of a list; written as its value, read as value and label. */
export function choice(labels: Readonly<Record<string, string>>, initial: string | null): Field {
  return {
    initial,
    parse: (value, name) => {
      if (value === null || (value === "" && initial === null)) return null;
      if (typeof value === "string" && value in labels) return value;
      throw invalid(name, `${String(value)} is not a valid choice.`);
    },
    show: (value) => (value === null ? null : { value, label: labels[String(value)] }),
  };
}

/** Kept and shown as it came. */
export function json(initial: unknown = null): Field {
  return { initial };
}

/** Shown, never written. */
export function computed(show: NonNullable<Field["show"]>): Field {
  return { readOnly: true, show };
}

function quoted(value: unknown): string {
  return typeof value === "string" ? `'${value}'` : String(value);
}

/** The row a client means by an id or a dictionary of attributes. */
export function related(value: unknown, table: string, field: string, store: Store): Row {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    const wanted = Object.entries(value);
    const found = store.all(table).filter((row) => wanted.every(([key, one]) => row[key] === one));
    if (found[0]) return found[0];
    const shown = wanted.map(([key, one]) => `${quoted(key)}: ${quoted(one)}`).join(", ");
    throw invalid(field, `Related object not found using the provided attributes: {${shown}}`);
  }
  const id = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof id !== "number") {
    throw invalid(
      field,
      `Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: ${String(value)}`,
    );
  }
  const row = store.get(table, id);
  if (row) return row;
  throw invalid(field, `Related object not found using the provided numeric ID: ${id}`);
}

/** A relation: id or dictionary in, nested object out. */
export function relation(
  table: string,
  show: (row: Row, base: string, store: Store) => unknown,
  more: Field = {},
): Field {
  return {
    initial: null,
    parse: (value, name, store) => (value === null ? null : related(value, table, name, store).id),
    show: (value, store, _row, base) => {
      const row = typeof value === "number" ? store.get(table, value) : undefined;
      return row ? show(row, base, store) : null;
    },
    ...more,
  };
}

/** Tags: a list of ids or dictionaries in, a list of objects out. Never made on the way. */
export function tags(show: (row: Row, base: string) => unknown): Field {
  return {
    initial: [],
    parse: (value, name, store) => parseTags(value, name, store),
    show: (value, store, _row, base) =>
      (value as number[]).flatMap((id) => {
        const row = store.get("tags", id);
        return row ? [show(row, base)] : [];
      }),
  };
}

/** Ids of the tags a client names. */
export function parseTags(value: unknown, name: string, store: Store): number[] {
  if (!Array.isArray(value)) throw invalid(name, `Expected a list of items but got type "${typeof value}".`);
  try {
    return [...new Set(value.map((one) => related(one, "tags", name, store).id))];
  } catch (error) {
    const text = error instanceof Invalid ? (error.errors[name] as string[])[0] : undefined;
    throw text === undefined ? error : invalid(name, text.replace("Related object must", "Related objects must"));
  }
}

/** Address with its mask: `10.0.0.7/24`; one without gets the mask of a host. */
export function address(): Field {
  return {
    required: true,
    parse: (value, name) => {
      const [host = "", mask] = String(value).split("/");
      const parsed = parseAddress(host, name);
      const size = parsed.value?.family === 6 ? 128 : 32;
      const length = mask === undefined ? size : Number(mask);
      if (!parsed.value || !Number.isInteger(length) || length < 0 || length > size) {
        throw invalid(name, `Invalid IP address format: ${String(value)}`);
      }
      return `${formatAddress(parsed.value)}/${length}`;
    },
  };
}

/** Network without host bits. */
export function network(): Field {
  return {
    required: true,
    parse: (value, name) => {
      const { problem } = parseCidr(String(value), name);
      if (!problem) return value;
      const meant = /^write (.*\/\d+)$/.exec(problem.fix)?.[1];
      const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
      throw invalid(name, `${String(value)} is not a valid prefix.${hint}`);
    },
  };
}

/** Network of a kept prefix. */
export function cidrOf(text: unknown): Cidr {
  const { value } = parseCidr(String(text), "");
  if (!value) throw new Error(`kept network ${String(text)} is not one`);
  return value;
}

/** Host and mask of a kept address. */
export function hostOf(text: unknown): { family: 4 | 6; value: bigint; mask: number } {
  const [host = "", mask = ""] = String(text).split("/");
  const { value } = parseAddress(host, "");
  if (!value) throw new Error(`kept address ${String(text)} is not one`);
  return { ...value, mask: Number(mask) };
}
