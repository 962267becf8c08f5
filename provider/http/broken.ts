/** Why a connection failed, in words for people. */

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the name does not resolve",
  EAI_AGAIN: "the name does not resolve at the moment",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no route to it",
  ETIMEDOUT: "it does not answer",
};

const CERTIFICATE = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_HAS_EXPIRED",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** `unreachable`: the request cannot have arrived. `unknown`: it may have. */
export interface Broken {
  readonly kind: "unreachable" | "unknown";
  readonly message: string;
}

/** Why a connection failed, and whether the request can have reached the server. */
export function brokenConnection(url: string, error: unknown): Broken {
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (CERTIFICATE.has(code)) {
    return { kind: "unreachable", message: `the certificate of ${url} is not trusted (${code})` };
  }
  const why = REASONS[code];
  if (why !== undefined) return { kind: "unreachable", message: `${url} cannot be reached: ${why}` };
  return { kind: "unknown", message: `the connection to ${url} broke: ${code || message}` };
}
