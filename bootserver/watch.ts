/** What the boot server does by itself: ends permissions on proof and on expiry, and removes what nobody needs. */
import { connect } from "node:tls";
import { endBy, type MachineBoot, type Proof } from "../components/boot/intent";
import { eachBounded } from "../provider/wait";
import type { Configurations } from "./configurations";
import type { Ledger } from "./ledger";
import type { BootLog } from "./log";

/** Port of the Talos API. */
const TALOS = 50_000;
const AT_ONCE = 32;
/** Longest wait for one machine, in milliseconds. */
const PATIENCE = 3000;

export interface WatchOptions {
  readonly ledger: Ledger;
  readonly log: BootLog;
  readonly configurations: Configurations;
  /** Pause between two looks, in milliseconds. */
  readonly every: number;
  readonly now: () => number;
  /** Whether the system runs. @default {@link runs} */
  readonly runs?: (proof: Proof) => Promise<boolean>;
}

export class Watch {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(private readonly options: WatchOptions) {}

  start(): void {
    this.timer = setTimeout(() => {
      this.looking = this.look()
        .catch((error: unknown) => this.options.log.write({ event: "warning", because: String(error) }))
        .then(() => {
          if (this.timer !== undefined) this.start();
        });
    }, this.options.every);
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.looking;
  }

  /** One round over all machines. */
  async look(): Promise<void> {
    const { ledger, configurations, now } = this.options;
    for (const { phase, permission } of ledger.all()) {
      if (phase === "ended" || now() < permission.expires) continue;
      await ledger.record({ kind: "ended", mac: permission.mac, end: "expired" });
    }
    // One that was not asked for yet may well run: it is to be installed anew after somebody resets it. Where records
    // were lost that is not what it is for: a system that runs needs no installation of its own generation.
    const open = ledger
      .all()
      .filter(({ phase, permission }) => phase === "leased" || (phase === "granted" && permission.reissued === true));
    await eachBounded(open, AT_ONCE, (record) => this.prove(record));
    await configurations.tidy(() => ledger.all());
  }

  private async prove({ permission }: MachineBoot): Promise<void> {
    const { ledger, log, runs: ask = runs } = this.options;
    const { proof, mac, uuid, generation } = permission;
    if (proof === undefined || permission.action !== "install" || !(await ask(proof))) return;
    // Only if it is still that one.
    const record = ledger.get(mac);
    const event = record?.permission === permission ? endBy(record, "proof") : undefined;
    if (event === undefined) return;
    await ledger.record(event);
    log.write({ event: "proof", mac, uuid, generation });
  }
}

/**
 * Whether Talos answers there as a member of the cluster: only a machine that has its configuration has a certificate
 * of the cluster's CA. One in maintenance mode signs its own.
 */
export function runs({ address, ca }: Proof, port = TALOS): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, ca, ALPNProtocols: ["h2"], minVersion: "TLSv1.3" });
    const end = (running: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(running);
    };
    const timer = setTimeout(() => end(false), PATIENCE);
    // It will ask for a client certificate next; its own has been checked by then.
    socket.once("secureConnect", () => end(true));
    socket.once("error", () => end(false));
  });
}
