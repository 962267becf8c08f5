import { setMaxListeners } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { sleep } from "../wait";
import { type Answer, type Call, isRepeatable, judge, type Raw } from "./answer";
import { connectionError, NetBoxError } from "./errors";

/** Where NetBox is and how to get in. */
export interface NetBoxConfig {
  /** URL of the start page, as in `https://netbox.example.org`. */
  readonly url: string;
  /** v1 (forty letters) or v2 (`nbt_<key>.<secret>`). Secret. */
  readonly token: string;
  /** PEM of the CA its certificate chains to. @default - the system's CAs */
  readonly caCertificate?: string;
}

/** How patient the client is. */
export interface Patience {
  /** Longest wait for one answer, in milliseconds; a busy server needs seconds for a large change. @default 30000 */
  readonly timeoutMs?: number;
  /** How often a request is tried in all. @default 5 */
  readonly attempts?: number;
  /** First pause between two tries, in milliseconds; doubled each time, with jitter. @default 200 */
  readonly pauseMs?: number;
  /** Requests at a time: the server hands out addresses one request after another anyway. @default 4 */
  readonly concurrency?: number;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

/** What carries requests to a NetBox. */
export interface Transport {
  /** The good answer, or a {@link NetBoxError} that says what went wrong. */
  call(call: Call): Promise<Answer>;
  /** Lets go of what is kept. */
  close(): void;
}

/**
 * HTTP to one NetBox: kept connections, bounded in time and number, retried where that is safe.
 *
 * A change whose answer was lost is not sent again here: it ends as `unknown`, and who asked looks what became of it.
 */
export class HttpTransport implements Transport {
  private readonly base: string;
  private readonly agent: http.Agent;
  private readonly timeoutMs: number;
  private readonly attempts: number;
  private readonly pauseMs: number;

  constructor(
    private readonly config: NetBoxConfig,
    private readonly patience: Patience,
  ) {
    this.base = config.url.replace(/\/+$/, "");
    // Shorter than any server keeps an idle connection: one that the server is closing would lose a request.
    const options = { keepAlive: true, timeout: 800, maxSockets: patience.concurrency ?? 4 };
    this.agent = this.base.startsWith("https:")
      ? new https.Agent({ ...options, ...(config.caCertificate !== undefined && { ca: config.caCertificate }) })
      : new http.Agent(options);
    this.timeoutMs = patience.timeoutMs ?? 30_000;
    this.attempts = patience.attempts ?? 5;
    this.pauseMs = patience.pauseMs ?? 200;
    // Requests wait for a connection in numbers; each listens for the end.
    setMaxListeners(0, patience.signal);
  }

  async call(call: Call): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return judge(call, await this.send(call), this.base);
      } catch (error) {
        this.patience.signal.throwIfAborted();
        const failure = error instanceof NetBoxError ? error : connectionError(call.method, this.base, error);
        if (!failure.again || attempt >= this.attempts) throw failure;
      }
      // Jitter, so that programs that failed together do not come back together.
      await sleep(this.pauseMs * 2 ** (attempt - 1) * (0.5 + Math.random()), this.patience.signal);
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private send({ method, path, body, ifMatch }: Call): Promise<Raw> {
    const { config, patience, agent } = this;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const url = `${this.base}/api/${path}`;
    const keyword = config.token.startsWith("nbt_") ? "Bearer" : "Token";
    return new Promise<Raw>((resolve, reject) => {
      const late = new NetBoxError(
        "unknown",
        `${this.base} did not answer within ${this.timeoutMs} ms`,
        isRepeatable(method),
      );
      const request = (url.startsWith("https:") ? https : http).request(url, {
        method,
        agent,
        signal: patience.signal,
        headers: {
          Accept: "application/json",
          Authorization: `${keyword} ${config.token}`,
          ...(payload !== undefined && {
            "Content-Type": "application/json",
            "Content-Length": Buffer.byteLength(payload),
          }),
          ...(ifMatch !== undefined && { "If-Match": ifMatch }),
        },
      });
      const timer = setTimeout(() => request.destroy(late), this.timeoutMs);
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
      request.end(payload);
    });
  }
}
