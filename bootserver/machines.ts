/** The side of the boot server that machines see: plain HTTP, because that is what firmware speaks. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { confirmWipe, type Decision, type DiskBoot, decide } from "../components/boot/intent";
import {
  archOf,
  confirmScript,
  diskScript,
  installScript,
  rescueScript,
  whoAreYou,
  wipeScript,
} from "../components/boot/ipxe";
import { type Answer, json, notFound, plain, type Question } from "./answer";
import type { Configurations } from "./configurations";
import type { Ledger } from "./ledger";
import type { BootLog } from "./log";
import type { Metrics } from "./metrics";

/** How long a wipe that was offered may be confirmed, in milliseconds. */
const CONFIRM = 120_000;
const MOST_OFFERS = 1024;

const ASK = /^\/ipxe\?mac=([0-9A-Fa-f]{2}(?:[-:][0-9A-Fa-f]{2}){5})&uuid=([0-9A-Fa-f-]{36})&arch=([a-z0-9_]{1,16})$/;
const IMAGE =
  /^\/image\/([0-9a-f]{64})\/(v\d{1,3}\.\d{1,3}\.\d{1,3}(?:-[a-z]{1,8}\.\d{1,3})?)\/([a-z0-9][a-z0-9.-]{1,63})$/;

export interface MachineSide {
  readonly ledger: Ledger;
  readonly log: BootLog;
  readonly metrics: Metrics;
  readonly configurations: Configurations;
  /** URL under which machines reach this server. */
  readonly url: string;
  /** How an unknown machine is made to boot from disk. */
  readonly diskBoot: DiskBoot;
  /** Folder with images, laid out as an Image Factory does. @default - none are served */
  readonly images?: string;
  readonly now: () => number;
}

interface Asking {
  readonly mac: string;
  readonly uuid: string;
  readonly from: string;
}

/** Answers machines. Whatever goes wrong, a machine is told to boot from its disk. */
export class Machines {
  private readonly offers = new Map<string, { readonly mac: string; readonly until: number }>();

  constructor(private readonly side: MachineSide) {}

  async handle(question: Question): Promise<Answer> {
    const { url, method, from } = question;
    if (method !== "GET" && method !== "HEAD") return plain("only GET\n", 405);
    if (url === "/boot.ipxe") return plain(whoAreYou(this.side.url));
    if (url === "/healthz") return plain("ok\n");
    if (url.startsWith("/ipxe")) return this.measured(() => this.ask(url, from));
    const wipe = /^\/wipe\/([0-9a-f]{32})$/.exec(url)?.[1];
    if (wipe !== undefined) return this.measured(() => this.wipe(wipe, from));
    const pixiecore = /^\/v1\/boot\/([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})$/.exec(url)?.[1];
    if (pixiecore !== undefined) return this.pixiecore(pixiecore.toLowerCase());
    return this.image(url) ?? this.stranger(url, from);
  }

  private async measured(work: () => Promise<readonly [Answer, string, string]>): Promise<Answer> {
    const start = performance.now();
    const [answer, boot, because] = await work();
    this.side.metrics.answered(boot, because, (performance.now() - start) / 1000);
    return answer;
  }

  private async ask(url: string, from: string): Promise<readonly [Answer, string, string]> {
    const match = ASK.exec(url);
    const arch = archOf(match?.[3] ?? "");
    if (match === null || arch === undefined) {
      this.side.log.write({ event: "refused", from, because: "question", url });
      return [this.disk(undefined), "disk", "question"];
    }
    const asking = { mac: macOf(match[1] ?? ""), uuid: (match[2] ?? "").toLowerCase(), from };
    const record = this.side.ledger.get(asking.mac);
    const decision = decide(record, { uuid: asking.uuid, arch }, this.side.now());
    return this.carryOut(decision, asking);
  }

  private async carryOut(decision: Decision, asking: Asking): Promise<readonly [Answer, string, string]> {
    const { ledger, log, url, configurations } = this.side;
    if (decision.boot !== "confirm-wipe" && decision.event !== undefined) {
      try {
        await ledger.record(decision.event);
      } catch (error) {
        // What cannot be recorded is not allowed.
        log.write({ event: "warning", ...asking, because: (error as Error).message });
        return this.tell("disk", "not-recorded", asking, this.disk(undefined));
      }
    }
    if (decision.boot === "disk") return this.tell("disk", decision.because, asking, this.disk(decision.method));
    const { permission } = decision;
    if (decision.boot === "confirm-wipe") {
      return this.tell(decision.boot, "permission", asking, plain(confirmScript(url, this.offer(asking.mac))));
    }
    const script =
      decision.boot === "rescue"
        ? rescueScript(permission.image)
        : installScript(permission.image, configurations.offer(permission));
    return this.tell(decision.boot, `generation-${permission.generation}`, asking, plain(script));
  }

  private async wipe(nonce: string, from: string): Promise<readonly [Answer, string, string]> {
    const { ledger, log, now } = this.side;
    const offer = this.offers.get(nonce);
    this.offers.delete(nonce);
    const record = offer === undefined ? undefined : ledger.get(offer.mac);
    const wipe = offer === undefined || now() > offer.until ? undefined : confirmWipe(record, now());
    if (wipe === undefined) {
      log.write({ event: "refused", from, because: "wipe-not-offered" });
      return [this.disk(record?.permission.diskBoot), "disk", "wipe-not-offered"];
    }
    const { permission, event } = wipe;
    const asking = { mac: permission.mac, uuid: permission.uuid, from };
    try {
      await ledger.record(event);
    } catch (error) {
      log.write({ event: "warning", ...asking, because: (error as Error).message });
      return this.tell("disk", "not-recorded", asking, this.disk(permission.diskBoot));
    }
    return this.tell("wipe", `generation-${permission.generation}`, asking, plain(wipeScript(permission.image)));
  }

  /** Pixiecore knows no UUID: it only hears whether it is worth to ask the machine who it is. */
  private pixiecore(mac: string): Answer {
    const record = this.side.ledger.get(mac);
    const open = record !== undefined && record.phase !== "ended" && this.side.now() < record.permission.expires;
    return open ? json({ "ipxe-script": whoAreYou(this.side.url) }) : notFound;
  }

  private image(url: string): Answer | undefined {
    const [, schematic, version, file] = IMAGE.exec(url) ?? [];
    const { images } = this.side;
    if (images === undefined || schematic === undefined || version === undefined || file === undefined)
      return undefined;
    return { status: 200, type: "application/octet-stream", body: "", file: join(images, schematic, version, file) };
  }

  private stranger(url: string, from: string): Answer {
    this.side.log.write({ event: "refused", from, because: "path", url: url.slice(0, 200) });
    return notFound;
  }

  private disk(method: DiskBoot | undefined): Answer {
    const how = method ?? this.side.diskBoot;
    return how === "404" ? notFound : plain(diskScript(how));
  }

  private tell(boot: string, because: string, asking: Asking, answer: Answer): readonly [Answer, string, string] {
    this.side.log.write({ event: "answer", boot, because, ...asking });
    return [answer, boot, because.replace(/-\d+$/, "")];
  }

  private offer(mac: string): string {
    const now = this.side.now();
    for (const [nonce, { until }] of this.offers) {
      if (until >= now && this.offers.size < MOST_OFFERS) break;
      this.offers.delete(nonce);
    }
    const nonce = randomBytes(16).toString("hex");
    this.offers.set(nonce, { mac, until: now + CONFIRM });
    return nonce;
  }
}

const macOf = (text: string): string => text.toLowerCase().replaceAll("-", ":");
