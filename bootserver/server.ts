import { type KeyObject, randomUUID } from "node:crypto";
import { join } from "node:path";
import type { DiskBoot, Proof } from "../components/boot/intent";
import { withFileLease } from "../provider/lease";
import { Configurations } from "./configurations";
import { Ledger } from "./ledger";
import { Listener } from "./listener";
import { BootLog } from "./log";
import { Machines } from "./machines";
import { Metrics } from "./metrics";
import { Operators } from "./operators";
import { Watch } from "./watch";

/** A host and a port; port 0 takes any. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface BootServerOptions {
  /** Where machines ask, in plain HTTP. */
  readonly machines: Place;
  /** Where operators and plinth's provider ask; over TLS unless it is this host alone. */
  readonly operators: Place & { readonly tls?: { readonly cert: string; readonly key: string } };
  /** URL under which machines reach the server. @default - made of `machines` */
  readonly url?: string;
  /** URL under which machines fetch configurations, over TLS. @default - none are served */
  readonly configurationUrl?: string;
  /** Folder with everything that outlives the process. */
  readonly state: string;
  /** Folder with images, as `plinth media build` fills it. @default - none are served */
  readonly images?: string;
  /** File of the audit log. @default - standard output */
  readonly log?: string;
  /** Keys that sign permissions, by id. */
  readonly keys: ReadonlyMap<string, KeyObject>;
  /** What operators show. */
  readonly token: string;
  /** How machines without a permission are made to boot from disk. @default "exit" */
  readonly diskBoot?: DiskBoot;
  /** Pause between two looks at leased machines, in milliseconds. @default 5000 */
  readonly watchEvery?: number;
  /** For tests. */
  readonly now?: () => number;
  readonly runs?: (proof: Proof) => Promise<boolean>;
}

/** Where a running boot server is. */
export interface Running {
  readonly url: string;
  readonly operatorsUrl: string;
}

/** Runs the boot server until `signal` is aborted; `ready` is told where it listens. Nothing is left running then. */
export async function serveBoot(
  options: BootServerOptions,
  signal: AbortSignal,
  ready: (running: Running) => void,
): Promise<void> {
  // Two servers over one journal would each allow what the other has ended.
  await withFileLease(options.state, { name: "boot-server", doing: "plinth boot serve" }, () =>
    serve(options, signal, ready),
  );
}

async function serve(
  options: BootServerOptions,
  signal: AbortSignal,
  ready: (running: Running) => void,
): Promise<void> {
  const { state, keys, token, now = Date.now, diskBoot = "exit", images } = options;
  const log = new BootLog(options.log);
  const warn = (because: string) => log.write({ event: "warning", because });
  const onError = (error: unknown) => warn(error instanceof Error ? error.message : String(error));
  const metrics = new Metrics();
  const ledger = await Ledger.open(join(state, "journal"), warn);
  const configurations = new Configurations(join(state, "configurations"), options.configurationUrl, log, now);
  const closing: (() => Promise<void>)[] = [() => log.close(), () => ledger.close()];
  try {
    let handleMachine: Machines["handle"] = () => Promise.reject(new Error("not ready"));
    const machineListener = await Listener.start({
      ...options.machines,
      largestBody: 0,
      handle: (question) => handleMachine(question),
      onError,
    });
    closing.push(() => machineListener.close());
    const url = options.url ?? urlOf("http", { ...options.machines, port: machineListener.port });
    const machines = new Machines({
      ...{ ledger, log, metrics, configurations, url, diskBoot, now },
      ...(images !== undefined && { images }),
    });
    handleMachine = (question) => machines.handle(question);
    const operators = new Operators({ ledger, log, metrics, configurations, session: randomUUID(), keys, token, now });
    const operatorListener = await Listener.start({
      ...options.operators,
      largestBody: 1 << 20,
      handle: (question) => operators.handle(question),
      onError,
    });
    closing.push(() => operatorListener.close());
    const every = options.watchEvery ?? 5000;
    const watch = new Watch({ ledger, log, configurations, every, now, ...(options.runs && { runs: options.runs }) });
    watch.start();
    closing.push(() => watch.stop());
    const scheme = options.operators.tls === undefined ? "http" : "https";
    ready({ url, operatorsUrl: urlOf(scheme, { ...options.operators, port: operatorListener.port }) });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

const urlOf = (scheme: string, { host, port }: Place): string =>
  `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
