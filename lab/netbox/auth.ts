import { detail } from "./errors";
import type { Behaviour } from "./versions";

/** A token and what it may do. */
export interface Token {
  /** Forty letters (v1) or `nbt_<key>.<secret>` (v2). */
  readonly token: string;
  /** As in `ipam.add_ipaddress`; `*` is everything. */
  readonly permissions: readonly string[];
  /** False for a token that only reads. @default true */
  readonly write?: boolean;
}

/** What a client of IP addresses needs and no more. */
export const leastPrivilege: readonly string[] = [
  "ipam.view_ipaddress",
  "ipam.add_ipaddress",
  "ipam.change_ipaddress",
  "ipam.delete_ipaddress",
  "ipam.view_prefix",
  "ipam.view_iprange",
  "ipam.view_vrf",
  "extras.view_tag",
  "extras.view_customfield",
];

const denied = "You do not have permission to perform this action.";

/** Who asks. The keyword is not tied to the kind of token: the `nbt_` prefix decides. */
export function authenticate(header: string | undefined, tokens: readonly Token[], version: Behaviour): Token {
  const [keyword = "", value, ...rest] = (header ?? "").split(" ");
  const known = version.v2Tokens ? ["Token", "Bearer"] : ["Token"];
  if (!known.includes(keyword)) throw detail(403, "Authentication credentials were not provided.");
  if (value === undefined || value === "" || rest.length > 0) {
    throw detail(403, 'Invalid authorization header: Must be in the form "Bearer <key>.<token>" or "Token <token>"');
  }
  if (version.v2Tokens && value.startsWith("nbt_") && !value.includes(".")) {
    throw detail(
      403,
      "Invalid authorization header: Could not parse key from v2 token. Did you mean to use 'Token' instead of 'Bearer'?",
    );
  }
  const token = tokens.find((one) => one.token === value);
  if (token && (version.v2Tokens || !token.token.startsWith("nbt_"))) return token;
  if (!version.v2Tokens) throw detail(403, "Invalid token");
  throw detail(403, value.startsWith("nbt_") ? "Invalid v2 token" : "Invalid v1 token");
}

/** Refuses what the token may not do; an object one may not see is refused too, not hidden. */
export function authorize(token: Token, permission: string): void {
  const writes = !permission.includes(".view_");
  if (writes && token.write === false) throw detail(403, denied);
  if (!may(token, permission)) throw detail(403, denied);
}

/** Whether the token may do it. */
export function may(token: Token, permission: string): boolean {
  return token.permissions.includes("*") || token.permissions.includes(permission);
}
