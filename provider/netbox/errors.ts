import { type Problem, ProblemError } from "../../components/problem";
import { brokenConnection } from "../http/broken";
import { type Call, isRepeatable } from "./answer";

/** How a request failed. */
export type FailureKind =
  /** The answer never came; a change may or may not have been made. */
  | "unknown"
  /** The server could not be reached: nothing was made. */
  | "unreachable"
  /** The token is wrong or may not do this. */
  | "denied"
  | "missing"
  /** What was sent is wrong. */
  | "invalid"
  /** Not enough free addresses. */
  | "full"
  /** The object changed since it was read. */
  | "stale"
  /** The server is in trouble. */
  | "server"
  /** What answers is no NetBox. */
  | "foreign";

/** A request that failed. The message never holds the token. */
export class NetBoxError extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    /** Whether the same request may be sent again: nothing happened, or it would happen once all the same. */
    readonly again = false,
  ) {
    super(message);
    this.name = "NetBoxError";
  }
}

/** Every message in an error body, however nested, as one text. */
export function messages(body: unknown, path = ""): string {
  if (typeof body === "string") return path === "" ? body : `${path}: ${body}`;
  if (Array.isArray(body)) return [...new Set(body.map((one) => messages(one, path)))].filter(Boolean).join("; ");
  if (body === null || typeof body !== "object") return "";
  return Object.entries(body)
    .map(([key, value]) => messages(value, ["detail", "__all__", "non_field_errors"].includes(key) ? path : key))
    .filter(Boolean)
    .join("; ");
}

/** Why a connection failed, and whether the request can have reached the server. */
export function connectionError(method: Call["method"], url: string, error: unknown): NetBoxError {
  const { kind, message } = brokenConnection(url, error);
  return new NetBoxError(kind, message, kind === "unknown" && isRepeatable(method));
}

/** What a person can do about a failure that is theirs to mend; `undefined` for the server's own trouble. */
export function asProblem(error: unknown): Problem | undefined {
  if (!(error instanceof NetBoxError)) return undefined;
  switch (error.kind) {
    case "unreachable":
      return {
        path: error.message.includes("certificate") ? "netbox.caCertificate" : "netbox.url",
        reason: error.message,
        fix: error.message.includes("certificate")
          ? "give the PEM of the CA that signed it"
          : "check the URL and that NetBox runs",
      };
    case "foreign":
      return { path: "netbox.url", reason: error.message, fix: "give the URL of NetBox's start page, without /api" };
    case "denied":
      return {
        path: "netbox.token",
        reason: error.message,
        fix: "use a valid token whose user may view, add, change and delete IP addresses and view prefixes, ranges, VRFs, tags and custom fields",
      };
    default:
      return undefined;
  }
}

/** Turns what is the user's to mend into a problem without a stack trace; passes everything else on. */
export function mended(error: unknown): never {
  const problem = asProblem(error);
  if (problem) throw new ProblemError("NetBox cannot be used:", [problem]);
  throw error;
}
