/** HTTP to one service: kept connections, bounded in time and number. What an answer means is for who asked. */
import { setMaxListeners } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { sleep } from "../wait";

/** How patient a client is. */
export interface Patience {
  /** Longest wait for one answer, in milliseconds. @default 30000 */
  readonly timeoutMs?: number;
  /** How often a request is tried in all. @default 5 */
  readonly attempts?: number;
  /** First pause between two tries, in milliseconds; doubled each time, with jitter. @default 200 */
  readonly pauseMs?: number;
  /** Requests at a time. @default 4 */
  readonly concurrency?: number;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

/** A request as it goes out. */
export interface Outgoing {
  readonly method: string;
  /** Path and query below the service's URL, with the leading slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An answer as it came. */
export interface Raw {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** What carries requests to a service. */
export interface Wire {
  /** The answer, whatever its status. Throws {@link Late}, the signal's reason, or the connection's error. */
  send(request: Outgoing): Promise<Raw>;
  /** Lets go of what is kept. */
  close(): void;
}

/** No answer in time; the request may have arrived. */
export class Late extends Error {}

/** A service over the network. */
export function httpWire(url: string, patience: Patience, caCertificate?: string): Wire {
  const base = url.replace(/\/+$/, "");
  const timeoutMs = patience.timeoutMs ?? 30_000;
  const secure = base.startsWith("https:");
  // Shorter than any server keeps an idle connection: one that the server is closing would lose a request.
  const options = { keepAlive: true, timeout: 800, maxSockets: patience.concurrency ?? 4 };
  const agent = secure
    ? new https.Agent({ ...options, ...(caCertificate !== undefined && { ca: caCertificate }) })
    : new http.Agent(options);
  // Requests wait for a connection in numbers; each listens for the end.
  setMaxListeners(0, patience.signal);
  return {
    send: ({ method, path, headers, body }) =>
      new Promise<Raw>((resolve, reject) => {
        const request = (secure ? https : http).request(`${base}${path}`, {
          method,
          agent,
          signal: patience.signal,
          headers: { ...headers, ...(body !== undefined && { "Content-Length": Buffer.byteLength(body) }) },
        });
        const late = new Late(`${base} did not answer within ${timeoutMs} ms`);
        const timer = setTimeout(() => request.destroy(late), timeoutMs);
        const fail = (error: Error) => {
          clearTimeout(timer);
          reject(error);
        };
        request.on("error", fail);
        request.on("response", (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("error", fail);
          response.on("end", () => {
            clearTimeout(timer);
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
          });
        });
        request.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/**
 * Tries until it works, fails for good or the patience ends. `again` says whether the same request may be sent once
 * more; a number is the pause, in milliseconds, that the service asks for.
 */
export async function persistently<T>(
  patience: Patience,
  attempt: () => Promise<T>,
  again: (error: unknown) => boolean | number,
): Promise<T> {
  const { attempts = 5, pauseMs = 200, signal } = patience;
  for (let tried = 1; ; tried++) {
    let pause: boolean | number;
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      pause = again(error);
      if (pause === false || tried >= attempts) throw error;
    }
    // Jitter, so that programs that failed together do not come back together.
    const own = pauseMs * 2 ** (tried - 1) * (0.5 + Math.random());
    await sleep(pause === true ? own : Math.max(pause, own), signal);
  }
}
