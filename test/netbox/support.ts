import { randomBytes } from "node:crypto";
import { leastPrivilege, type Token } from "../../lab/netbox/auth";
import { type NetBoxOptions, NetBoxServer } from "../../lab/netbox/server";

/** Tokens of every server that tests start. */
export const tokens = {
  admin: "0123456789abcdef0123456789abcdef01234567",
  v2: "nbt_AbCdEfGhIjKl.0123456789abcdef0123456789abcdef01234567",
  least: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  readOnly: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
  noTags: "cccccccccccccccccccccccccccccccccccccccc",
  viewOnly: "dddddddddddddddddddddddddddddddddddddddd",
} as const;

const granted: readonly Token[] = [
  { token: tokens.admin, permissions: ["*"] },
  { token: tokens.v2, permissions: ["*"] },
  { token: tokens.least, permissions: leastPrivilege },
  { token: tokens.readOnly, permissions: ["*"], write: false },
  { token: tokens.noTags, permissions: leastPrivilege.filter((one) => one !== "extras.view_tag") },
  { token: tokens.viewOnly, permissions: leastPrivilege.filter((one) => one.includes(".view_")) },
];

/** A server for one test file. Stop it with `close`. */
export async function startNetBox(
  options: Partial<NetBoxOptions> = {},
): Promise<{ server: NetBoxServer; url: string }> {
  const server = new NetBoxServer({ tokens: granted, ...options });
  return { server, url: await server.listen() };
}

/** An answer as it came. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: contract tests look at whatever a server sends
  readonly body: any;
  readonly text: string;
}

/** Plain HTTP to a server, so that the contract is tested without plinth's own client. */
export function requester(url: string, token: string) {
  return async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> => {
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: "manual",
      headers: {
        Authorization: `Token ${token}`,
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = (response.headers.get("content-type") ?? "").includes("json") && text !== "";
    return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : undefined };
  };
}

/** Letters that no other run uses. */
export function unique(): string {
  return randomBytes(5).toString("hex");
}
