/** Looks at a machine from outside: no credentials, no process, nothing asked of it. */
import { connect } from "node:tls";

/**
 * What a machine shows to somebody without credentials: nothing, a Talos without a configuration, or one that is
 * configured and lets only the holders of its cluster's secrets in.
 */
export type Face = "absent" | "maintenance" | "configured";

const TALOS_PORT = 50_000;
const LOOK_MS = 3000;

/** A Talos with a configuration ends the handshake because no certificate was shown; one without greets everybody. */
export function probe(address: string, signal: AbortSignal, port = TALOS_PORT): Promise<Face> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host: address, port, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    const timer = setTimeout(() => settle(() => resolve("absent")), LOOK_MS);
    const onAbort = (): void => settle(() => reject(signal.reason));
    const settle = (answer: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      answer();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("data", () => settle(() => resolve("maintenance")));
    socket.once("close", () => settle(() => resolve("absent")));
    socket.on("error", ({ code = "" }: NodeJS.ErrnoException) => {
      const refused = /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|HANDSHAKE_FAILURE)/.test(code);
      settle(() => resolve(refused ? "configured" : "absent"));
    });
  });
}
