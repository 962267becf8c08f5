import { authenticate, authorize, may, type Token } from "./auth";
import { allocate, list as listAvailable } from "./available";
import { deviceRoles, devices, deviceTypes, interfaces, macAddresses, manufacturers, sites } from "./dcim";
import { ApiError, detail, Invalid } from "./errors";
import { customFieldModel, tags } from "./extras";
import { applyFilters, customFilters } from "./filters";
import { ipAddresses, ipRanges, prefixes, vrfs } from "./ipam";
import type { Model } from "./model";
import { BulkInvalid, create, each, remove, type Scope, show, update } from "./objects";
import { page, pageSize, pick, sort } from "./paging";
import type { Row } from "./store";

/** A request, read. */
export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** An answer, to be written. A string body is HTML. */
export interface ApiResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

type Body = Readonly<Record<string, unknown>>;

const models = new Map(
  [
    ipAddresses,
    prefixes,
    ipRanges,
    vrfs,
    tags,
    customFieldModel,
    sites,
    manufacturers,
    deviceRoles,
    deviceTypes,
    devices,
    interfaces,
    macAddresses,
  ].map((model) => [model.path, model]),
);

const notFound: ApiResponse = {
  status: 404,
  body: "<!doctype html><title>Page Not Found</title><h1>Page Not Found</h1>",
};

/** Answers one request: routes, refuses, reads, changes. Never waits, so requests cannot overlap. */
export function answer(request: ApiRequest, scope: Scope, tokens: readonly Token[]): ApiResponse {
  try {
    return route(request, scope, tokens);
  } catch (error) {
    if (error instanceof ApiError) return { status: error.status, headers: error.headers, body: error.body };
    if (error instanceof Invalid) return { status: 400, body: error.errors };
    if (error instanceof BulkInvalid) return { status: 400, body: error.errors };
    throw error;
  }
}

function route(request: ApiRequest, scope: Scope, tokens: readonly Token[]): ApiResponse {
  const { method, url } = request;
  if (!url.pathname.startsWith("/api/")) return notFound;
  if (!url.pathname.endsWith("/")) {
    if (method !== "GET") return notFound;
    return { status: 301, headers: { Location: `${url.pathname}/${url.search}` }, body: "" };
  }
  const [app = "", kind = "", id, action, ...rest] = url.pathname.slice("/api/".length, -1).split("/");
  const model = models.get(`${app}/${kind}`);
  if (!model && app !== "status" && app !== "authentication-check") return notFound;
  const token = authenticate(request.headers.authorization, tokens, scope.version);
  if (!model) return kind === "" ? about(app, scope) : notFound;
  if (rest.length > 0) return notFound;
  if (id === undefined) return collection(model, request, scope, token);
  if (!/^\d+$/.test(id)) throw detail(404, "Not found.");
  if (action === undefined) return member(model, Number(id), request, scope, token);
  if (action === "available-ips" && (model === prefixes || model === ipRanges)) {
    return available(model, Number(id), request, scope, token);
  }
  return notFound;
}

function about(name: string, { version }: Scope): ApiResponse {
  if (name === "authentication-check") return { status: 200, body: { id: 1, display: "plinth", username: "plinth" } };
  return {
    status: 200,
    body: {
      "django-version": "6.0.8",
      "installed-apps": {},
      "netbox-version": version.version,
      plugins: {},
      "python-version": "3.12.1",
      "rq-workers-running": 0,
    },
  };
}

function permission(model: Model, action: "view" | "add" | "change" | "delete"): string {
  const [app, name] = model.objectType.split(".");
  return `${app}.${action}_${name}`;
}

function parseJson({ headers, body }: ApiRequest): unknown {
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
  if (type !== "application/json") throw detail(415, `Unsupported media type "${type}" in request.`);
  try {
    return JSON.parse(body);
  } catch (error) {
    // The engine names the character, not always its place.
    const [, token = ""] = /token '?(.)/.exec(String(error)) ?? [];
    const at = token === "" ? body.length : body.indexOf(token, 1);
    throw detail(400, `JSON parse error - Expecting value: line 1 column ${at + 1} (char ${at})`);
  }
}

function base(url: URL): string {
  return `${url.protocol}//${url.host}`;
}

function etag(row: Row, { version }: Scope): Record<string, string> {
  return version.etag ? { ETag: `W/"${row.last_updated.replace("Z", "+00:00")}"` } : {};
}

function collection(model: Model, request: ApiRequest, scope: Scope, token: Token): ApiResponse {
  const { method, url } = request;
  const { store } = scope;
  const shown = (row: Row) => show(model, row, base(url), scope);
  switch (method) {
    case "GET": {
      authorize(token, permission(model, "view"));
      const filters = { ...model.filters, ...customFilters(store, model.objectType) };
      const found = sort(
        applyFilters(store.all(model.table), url.searchParams, filters, store),
        url.searchParams,
        model.order,
      );
      const { head, rows } = page(found, url);
      return { status: 200, body: { ...head, results: rows.map((row) => pick(shown(row), url.searchParams)) } };
    }
    case "POST": {
      authorize(token, permission(model, "add"));
      const body = parseJson(request);
      const bodies = Array.isArray(body) ? body : [body];
      if ("tags" in model.fields) mustSeeTags(bodies, token);
      const rows = store.transaction(() => unwrapSingle(body, () => create(model, bodies as Body[], scope)));
      const [first] = rows;
      if (Array.isArray(body) || !first) return { status: 201, body: rows.map(shown) };
      return {
        status: 201,
        headers: { ...etag(first, scope), Location: `${base(url)}/api/${model.path}/${first.id}/` },
        body: shown(first),
      };
    }
    case "PATCH":
    case "PUT": {
      authorize(token, permission(model, "change"));
      const bodies = listOf(parseJson(request));
      mustSeeTags(bodies, token);
      const rows = store.transaction(() =>
        each(bodies, (body) => {
          const row = find(model, Number(body.id), scope);
          checkMatch(row, request, scope);
          return update(model, row, body, scope);
        }),
      );
      return { status: 200, body: rows.map(shown) };
    }
    case "DELETE": {
      authorize(token, permission(model, "delete"));
      const bodies = listOf(parseJson(request));
      store.transaction(() => {
        for (const { id } of bodies) {
          const row = store.get(model.table, Number(id));
          if (row) remove(model, row, scope);
        }
      });
      return { status: 204 };
    }
    default:
      throw detail(405, `Method "${method}" not allowed.`);
  }
}

/** A single body is answered with the errors of that one object, not with a list. */
function unwrapSingle<T>(body: unknown, change: () => T): T {
  try {
    return change();
  } catch (error) {
    if (error instanceof BulkInvalid && !Array.isArray(body)) throw new Invalid(error.errors[0] ?? {});
    throw error;
  }
}

function listOf(body: unknown): Body[] {
  if (!Array.isArray(body))
    throw new ApiError(400, { non_field_errors: ['Expected a list of items but got type "dict".'] });
  return body as Body[];
}

/** Tags a token may not see do not exist for it. */
function mustSeeTags(bodies: readonly unknown[], token: Token): void {
  if (may(token, "extras.view_tag")) return;
  for (const body of bodies) {
    const [first] = ((body as Body)?.tags ?? []) as unknown[];
    if (first === undefined) continue;
    const shown = Object.entries(first as object).map(([key, value]) => `'${key}': '${String(value)}'`);
    throw new ApiError(400, {
      tags: [`Related object not found using the provided attributes: {${shown.join(", ")}}`],
    });
  }
}

function find(model: Model, id: number, { store }: Scope): Row {
  const row = store.get(model.table, id);
  if (!row) throw detail(404, `No ${model.label} matches the given query.`);
  return row;
}

function checkMatch(row: Row, { headers }: ApiRequest, scope: Scope): void {
  const wanted = headers["if-match"];
  const { ETag } = etag(row, scope);
  if (wanted === undefined || ETag === undefined || wanted === "*" || wanted === ETag) return;
  throw detail(412, "Precondition failed.", { ETag });
}

function member(model: Model, id: number, request: ApiRequest, scope: Scope, token: Token): ApiResponse {
  const { method, url } = request;
  const shown = (row: Row) => ({ status: 200, headers: etag(row, scope), body: show(model, row, base(url), scope) });
  switch (method) {
    case "GET":
      authorize(token, permission(model, "view"));
      return shown(find(model, id, scope));
    case "PATCH":
    case "PUT": {
      authorize(token, permission(model, "change"));
      const row = find(model, id, scope);
      const body = parseJson(request) as Body;
      mustSeeTags([body], token);
      checkMatch(row, request, scope);
      return shown(scope.store.transaction(() => update(model, row, body, scope)));
    }
    case "DELETE": {
      authorize(token, permission(model, "delete"));
      const row = find(model, id, scope);
      checkMatch(row, request, scope);
      scope.store.transaction(() => remove(model, row, scope));
      return { status: 204 };
    }
    default:
      throw detail(405, `Method "${method}" not allowed.`);
  }
}

function available(model: Model, id: number, request: ApiRequest, scope: Scope, token: Token): ApiResponse {
  const { method, url } = request;
  authorize(token, permission(model, "view"));
  const row = find(model, id, scope);
  if (method === "GET")
    return { status: 200, body: listAvailable(model, row, pageSize(url.searchParams), scope.store) };
  if (method !== "POST") throw detail(405, `Method "${method}" not allowed.`);
  authorize(token, permission(ipAddresses, "add"));
  const body = parseJson(request);
  const bodies = Array.isArray(body) ? body : [body];
  mustSeeTags(bodies, token);
  const rows = scope.store.transaction(() => unwrapSingle(body, () => allocate(model, row, bodies, scope)));
  const shown = rows.map((one) => show(ipAddresses, one, base(url), scope));
  return { status: 201, body: Array.isArray(body) ? shown : shown[0] };
}
