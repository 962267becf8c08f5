import { ProblemError } from "../../components/problem";
import { httpWire, Late, type Patience, persistently, type Wire } from "../http/wire";
import { type Answer, type Call, isRepeatable, judge } from "./answer";
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

/** What carries requests to a NetBox. */
export interface Transport {
  /** The good answer, or a {@link NetBoxError} that says what went wrong. */
  call(call: Call): Promise<Answer>;
  /** Lets go of what is kept. */
  close(): void;
}

/**
 * HTTP to one NetBox, retried where that is safe.
 *
 * A change whose answer was lost is not sent again here: it ends as `unknown`, and who asked looks what became of it.
 */
export class HttpTransport implements Transport {
  private readonly base: string;
  private readonly wire: Wire;

  constructor(
    private readonly config: NetBoxConfig,
    private readonly patience: Patience,
    /** Carries the requests. @default - the network */
    wire?: Wire,
  ) {
    this.base = config.url.replace(/\/+$/, "");
    this.wire = wire ?? httpWire(this.base, patience, config.caCertificate);
  }

  call(call: Call): Promise<Answer> {
    return persistently(
      this.patience,
      () => this.send(call),
      (error) => error instanceof NetBoxError && error.again,
    );
  }

  close(): void {
    this.wire.close();
  }

  private async send(call: Call): Promise<Answer> {
    const { method, path, body, ifMatch } = call;
    const keyword = this.config.token.startsWith("nbt_") ? "Bearer" : "Token";
    const answer = this.wire.send({
      method,
      path: `/api/${path}`,
      headers: {
        Accept: "application/json",
        Authorization: `${keyword} ${this.config.token}`,
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(ifMatch !== undefined && { "If-Match": ifMatch }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return judge(call, await answer.catch((error: unknown) => this.lost(method, error)), this.base);
  }

  private lost(method: Call["method"], error: unknown): never {
    if (this.patience.signal.aborted) throw this.patience.signal.reason;
    if (error instanceof ProblemError) throw error;
    if (error instanceof Late) throw new NetBoxError("unknown", error.message, isRepeatable(method));
    throw connectionError(method, this.base, error);
  }
}
