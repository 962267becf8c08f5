import { request } from "node:https";
import { traced } from "../trace";

/** Whether a Kubernetes API answers at all; no credentials needed. */
export interface Endpoint {
  /** `undefined` when it is ready, else what is wrong, in a few words. */
  ready(url: string, ca: string, signal: AbortSignal): Promise<string | undefined>;
}

const CALL_MS = 5000;

/** Asks `/readyz`; the certificate has to chain to the CA. */
export function httpEndpoint(): Endpoint {
  return traced("endpoint", {
    ready: (url: string, ca: string, signal: AbortSignal) =>
      new Promise<string | undefined>((resolve) => {
        const bound = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]);
        const call = request(new URL("/readyz", url), { ca, signal: bound, agent: false }, (response) => {
          response.resume();
          const status = response.statusCode ?? 0;
          // A cluster that forbids anonymous requests answers all the same.
          resolve(status === 200 || status === 401 || status === 403 ? undefined : `it answers ${status}`);
        });
        call.on("error", (error: NodeJS.ErrnoException) => {
          const foreign = /self.signed|unable to (?:verify|get)|certificate/i.test(error.message);
          const what = bound.aborted ? "no answer" : error.message;
          resolve(foreign ? `its certificate is not of this cluster (${error.message})` : what);
        });
        call.end();
      }),
  });
}

/** A CA as PEM, from PEM or from PEM in base64. */
export function pem(text: string): string {
  return text.includes("-----BEGIN") ? text : Buffer.from(text, "base64").toString("utf8");
}
