import { request } from "node:https";
import { traced } from "../trace";

/** What answers at the address of a Kubernetes API, in a few words. */
export interface EndpointLook {
  /** `foreign` has a certificate of another cluster. */
  readonly state: "ready" | "away" | "foreign";
  readonly said: string;
}

/** Whether a Kubernetes API answers at all; no credentials needed. */
export interface Endpoint {
  look(url: string, ca: string, signal: AbortSignal): Promise<EndpointLook>;
}

const CALL_MS = 5000;

/** Asks `/readyz`; the certificate has to chain to the CA. */
export function httpEndpoint(): Endpoint {
  return traced("endpoint", {
    look: (url: string, ca: string, signal: AbortSignal) =>
      new Promise<EndpointLook>((resolve) => {
        const bound = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]);
        const call = request(new URL("/readyz", url), { ca, signal: bound, agent: false }, (response) => {
          response.resume();
          const status = response.statusCode ?? 0;
          // A cluster that forbids anonymous requests answers all the same.
          const ready = status === 200 || status === 401 || status === 403;
          resolve({ state: ready ? "ready" : "away", said: `it answers ${status}` });
        });
        call.on("error", (error: NodeJS.ErrnoException) => {
          const foreign = /self.signed|unable to (?:verify|get)|certificate/i.test(error.message);
          if (foreign) resolve({ state: "foreign", said: `its certificate is not of this cluster (${error.message})` });
          else resolve({ state: "away", said: bound.aborted ? "no answer" : error.message });
        });
        call.end();
      }),
  });
}

/** A CA as PEM, from PEM or from PEM in base64. */
export function pem(text: string): string {
  return text.includes("-----BEGIN") ? text : Buffer.from(text, "base64").toString("utf8");
}
