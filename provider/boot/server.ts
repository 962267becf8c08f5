/** What plinth needs of a boot server. Every call is bounded in time. */
import type { Action, End } from "../../components/boot/intent";

/** What a boot server knows of one machine's last permission. */
export interface MachinePermission {
  readonly mac: string;
  readonly uuid: string;
  readonly action: Action;
  readonly generation: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly phase: "ended" | "granted" | "leased";
  readonly end?: End;
}

export class BootServerError extends Error {
  constructor(
    /** `refused`: it answered, and the answer was no. `unknown`: a change may have been made. */
    readonly kind: "refused" | "unknown" | "unreachable",
    message: string,
  ) {
    super(message);
    this.name = "BootServerError";
  }
}

/** What a boot server says of itself. */
export interface BootServerFacts {
  /** The session that permissions have to be signed for. */
  readonly session: string;
  /** Where machines fetch configurations, over TLS. @default - nowhere */
  readonly configurationUrl?: string;
}

export interface BootServer {
  about(signal: AbortSignal): Promise<BootServerFacts>;
  machine(mac: string, signal: AbortSignal): Promise<MachinePermission | undefined>;
  machines(signal: AbortSignal): Promise<readonly MachinePermission[]>;
  /** Hands over a signed permission, and the machine configuration it names. The same one twice is one. */
  grant(permission: string, configuration: string | undefined): Promise<MachinePermission>;
  /** Ends the machine's permission if it is open; `undefined` if it never had one. */
  revoke(mac: string): Promise<MachinePermission | undefined>;
}
