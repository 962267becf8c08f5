import { request } from "node:https";
import { traced } from "../trace";

/** What answers at the address of a Kubernetes API, in a few words. */
export interface EndpointLook {
  /** `foreign` has a certificate of another cluster. */
  readonly state: "ready" | "away" | "foreign";
  readonly said: string;
  /** Nobody has answered or refused: what stands in between may have taken the question. */
  readonly silent?: boolean;
}

export interface LookOptions {
  /** The certificate need not name the address: a machine may be asked at one that it does not know of. @default false */
  readonly anyName?: boolean;
}

/** Whether a Kubernetes API answers at all; no credentials needed. */
export interface Endpoint {
  look(url: string, ca: string, signal: AbortSignal, options?: LookOptions): Promise<EndpointLook>;
}

const CALL_MS = 5000;
/** Errors of a network that did not come through to anybody. */
const UNHEARD = ["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"];

/** Asks `/readyz`; the certificate has to chain to the CA. */
export function httpEndpoint(): Endpoint {
  return traced("endpoint", {
    look: (url: string, ca: string, signal: AbortSignal, { anyName = false }: LookOptions = {}) =>
      new Promise<EndpointLook>((resolve) => {
        const bound = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]);
        const named = anyName ? { checkServerIdentity: () => undefined } : {};
        const call = request(new URL("/readyz", url), { ca, signal: bound, agent: false, ...named }, (response) => {
          response.resume();
          const status = response.statusCode ?? 0;
          // A cluster that forbids anonymous requests answers all the same.
          const ready = status === 200 || status === 401 || status === 403;
          resolve({ state: ready ? "ready" : "away", said: `it answers ${status}` });
        });
        call.on("error", (error: NodeJS.ErrnoException) => {
          const foreign = /self.signed|unable to (?:verify|get)|certificate/i.test(error.message);
          if (foreign) resolve({ state: "foreign", said: `its certificate is not of this cluster (${error.message})` });
          else {
            const silent = bound.aborted || UNHEARD.includes(error.code ?? "");
            resolve({ state: "away", said: bound.aborted ? "no answer" : error.message, ...(silent && { silent }) });
          }
        });
        call.end();
      }),
  });
}

/** A CA as PEM, from PEM or from PEM in base64. */
export function pem(text: string): string {
  return text.includes("-----BEGIN") ? text : Buffer.from(text, "base64").toString("utf8");
}
