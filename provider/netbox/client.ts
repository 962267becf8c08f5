import type { z } from "zod";
import type { Patience, Wire } from "../http/wire";
import { type Capabilities, capabilitiesOf } from "./capabilities";
import { NetBoxError } from "./errors";
import { HttpTransport, type NetBoxConfig, type Transport } from "./http";
import { pageSchema, statusSchema } from "./types";

/** An object and the lock value that a change of it may name. */
export interface Versioned<T> {
  readonly value: T;
  readonly etag?: string;
}

/** A query: several values of one name mean any of them (all of them for tags). */
export type Query = Readonly<Record<string, string | number | readonly string[]>>;

/** Objects a page; NetBox gives at most a thousand. */
const pageSize = 250;

/** NetBox's REST interface with every answer checked against its schema. */
export class NetBox {
  private known: Promise<Capabilities & { readonly warning?: string }> | undefined;

  constructor(private readonly transport: Transport) {}

  /** A client over HTTP. Close it when done. */
  static connect(config: NetBoxConfig, patience: Patience, wire?: Wire): NetBox {
    return new NetBox(new HttpTransport(config, patience, wire));
  }

  /** What this server can do; asked once. Also proves URL and token. */
  capabilities(): Promise<Capabilities & { readonly warning?: string }> {
    this.known ??= this.ask();
    return this.known;
  }

  /** Every object the query finds, page after page. NetBox ignores filters it does not know: check what comes back. */
  async list<T>(path: string, query: Query, schema: z.ZodType<T>): Promise<T[]> {
    const found: T[] = [];
    let search: string | undefined = searchOf(query);
    while (search !== undefined) {
      const page: z.infer<typeof pageSchema> = parse(
        pageSchema,
        (await this.transport.call({ method: "GET", path: `${path}/?${search}` })).body,
        path,
      );
      found.push(...page.results.map((one) => parse(schema, one, path)));
      // Behind a proxy the link's host is often wrong; only its query counts.
      search = page.next === null ? undefined : new URL(page.next, "http://netbox").search.slice(1);
    }
    return found;
  }

  async get<T>(path: string, schema: z.ZodType<T>): Promise<Versioned<T>> {
    const { body, etag } = await this.transport.call({ method: "GET", path });
    return { value: parse(schema, body, path), ...(etag !== undefined && { etag }) };
  }

  async post<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    return parse(schema, (await this.transport.call({ method: "POST", path: `${path}/`, body })).body, path);
  }

  async patch<T>(path: string, body: unknown, schema: z.ZodType<T>, ifMatch?: string): Promise<T> {
    const answer = await this.transport.call({
      method: "PATCH",
      path: `${path}/`,
      body,
      ...(ifMatch !== undefined && { ifMatch }),
    });
    return parse(schema, answer.body, path);
  }

  /** Deletes by id, all at once. Ids that are gone already are no error. */
  async remove(path: string, ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return;
    await this.transport.call({ method: "DELETE", path: `${path}/`, body: ids.map((id) => ({ id })) });
  }

  close(): void {
    this.transport.close();
  }

  private async ask() {
    const { value } = await this.get("status/", statusSchema);
    const version = value["netbox-version"];
    const capabilities = capabilitiesOf(version);
    if (!capabilities)
      throw new NetBoxError("foreign", `NetBox ${version} is older than 4.2, the oldest plinth works with`);
    return capabilities;
  }
}

function searchOf(query: Query): string {
  const search = new URLSearchParams({ limit: String(pageSize) });
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  return search.toString();
}

function parse<T>(schema: z.ZodType<T>, body: unknown, path: string): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new NetBoxError(
    "foreign",
    `${path}: unexpected answer at ${issue?.path.join(".") || "its root"}: ${issue?.message}`,
  );
}
