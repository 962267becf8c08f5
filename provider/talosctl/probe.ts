/** Looks at a machine from outside: no credentials, no process, nothing asked of it. */
import { connect } from "node:tls";

/**
 * What a machine shows to somebody without credentials: nothing, a Talos without a configuration, or one that is
 * configured, whose certificate the cluster's CA has issued or has not.
 */
export type Face = "absent" | "maintenance" | "ours" | "foreign";

const TALOS_PORT = 50_000;
const LOOK_MS = 3000;

/**
 * A Talos with a configuration ends the handshake because no certificate was shown; one without greets everybody.
 * Without a `ca` (PEM), as before a cluster has its secrets, nobody is ours.
 */
export function probe(address: string, ca: string | undefined, signal: AbortSignal, port = TALOS_PORT): Promise<Face> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({
      host: address,
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      // Whose CA it is tells enough: a machine may be asked at an address that it does not know of.
      checkServerIdentity: () => undefined,
      ...(ca !== undefined && { ca }),
    });
    let issuer: "ours" | "foreign" = "foreign";
    socket.once("secureConnect", () => {
      if (ca !== undefined && socket.authorized) issuer = "ours";
    });
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
      settle(() => resolve(refused ? issuer : "absent"));
    });
  });
}
