/** The side of the boot server that operators and plinth's provider see: permissions, and what became of them. */
import { createHash, type KeyObject, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { endBy, enrol, grant, type MachineBoot, type Permission } from "../components/boot/intent";
import { PermissionRefused, verifyPermission } from "../components/boot/permission";
import type { Problem } from "../components/problem";
import { type Answer, json, notFound, plain, type Question } from "./answer";
import { type Configurations, digest } from "./configurations";
import type { Ledger } from "./ledger";
import type { BootLog } from "./log";
import type { Metrics } from "./metrics";

export interface OperatorSide {
  readonly ledger: Ledger;
  readonly log: BootLog;
  readonly metrics: Metrics;
  readonly configurations: Configurations;
  /** Changes at every start. */
  readonly session: string;
  /** Keys whose permissions are accepted, by id. */
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly token: string;
  readonly now: () => number;
}

const grantBody = z.strictObject({ permission: z.string().max(65_536), configuration: z.string().exactOptional() });
const ENROL = /^\/enrol\/([0-9a-f]{64})\?uuid=([0-9A-Fa-f-]{36})$/;
const MACHINE = /^\/api\/machines\/([0-9a-f]{2}(?::[0-9a-f]{2}){5})$/;

export class Operators {
  /** One change at a time: a permission is judged by what is recorded, and then recorded. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly side: OperatorSide) {}

  async handle(question: Question): Promise<Answer> {
    const { method, url, from } = question;
    if (method === "GET") {
      const token = /^\/configuration\/([0-9a-f]{64})$/.exec(url)?.[1];
      if (token !== undefined) return this.side.configurations.fetch(token, from);
      const [, enrolment, uuid] = ENROL.exec(url) ?? [];
      if (enrolment !== undefined && uuid !== undefined) {
        return this.inTurn(() => this.enrol(enrolment, uuid.toLowerCase(), from));
      }
      if (url === "/metrics") return plain(this.metrics());
    }
    if (!this.isKnown(question.authorization)) {
      this.side.log.write({ event: "refused", from, because: "token" });
      return json({ problems: [{ path: "", reason: "the token is wrong", fix: "give the boot server's token" }] }, 401);
    }
    if (method === "GET" && url === "/api/server") {
      const { session, configurations } = this.side;
      return json({ session, ...(configurations.place !== undefined && { configurationUrl: configurations.place }) });
    }
    if (method === "GET" && url === "/api/machines") return json({ machines: this.side.ledger.all().map(machineOf) });
    if (method === "POST" && url === "/api/permissions") return this.inTurn(() => this.grant(question));
    const mac = MACHINE.exec(url)?.[1];
    if (mac === undefined) return notFound;
    if (method === "GET") return this.tellOf(mac);
    if (method === "DELETE") return this.inTurn(() => this.revoke(mac, from));
    return plain("only GET and DELETE\n", 405);
  }

  private async grant({ body, from }: Question): Promise<Answer> {
    const { ledger, log, keys, session, configurations, now } = this.side;
    const parsed = grantBody.safeParse(parse(await body()));
    if (!parsed.success) return refused([wrong("", "the body is no permission", "send what plinth signs")]);
    let permission: Awaited<ReturnType<typeof verifyPermission>>;
    try {
      permission = await verifyPermission(parsed.data.permission, session, keys);
    } catch (error) {
      if (!(error instanceof PermissionRefused)) throw error;
      log.write({ event: "refused", from, because: "permission", reason: error.message });
      return refused([wrong("permission", error.message, "sign it with a key that the boot server trusts")]);
    }
    const { mac, uuid, action, generation } = permission;
    const { problems, event } = grant(ledger.get(mac), permission, now());
    const more = configurationProblems(permission, parsed.data.configuration, configurations.place !== undefined);
    const all = [...problems, ...more];
    if (all.length > 0) {
      log.write({ event: "refused", mac, uuid, from, because: "permission", reason: all[0]?.reason });
      return refused(all);
    }
    if (event !== undefined) {
      const record = () => ledger.record(event);
      if (parsed.data.configuration === undefined) await record();
      else await configurations.store(parsed.data.configuration, record);
      log.write({ event: "grant", mac, uuid, from, action, generation });
    }
    return this.tellOf(mac);
  }

  /** A machine from other media shows its token, and gets its configuration, once. */
  private async enrol(token: string, uuid: string, from: string): Promise<Answer> {
    const { ledger, log, configurations, now } = this.side;
    const shown = digest(token);
    const record = ledger.all().find(({ permission }) => permission.enrolment === shown);
    const allowed = enrol(record, shown, uuid, now());
    const body = allowed && (await configurations.read(allowed.permission.configuration ?? ""));
    if (allowed === undefined || body === undefined) {
      log.write({ event: "refused", from, uuid, because: "enrolment", ...(record && { mac: record.permission.mac }) });
      return notFound;
    }
    await ledger.record(allowed.event);
    log.write({ event: "configuration", mac: allowed.permission.mac, uuid, from, because: "enrolment" });
    return { status: 200, type: "application/yaml", body };
  }

  private async revoke(mac: string, from: string): Promise<Answer> {
    const event = endBy(this.side.ledger.get(mac), "revoked");
    if (event !== undefined) {
      await this.side.ledger.record(event);
      this.side.log.write({ event: "revoke", mac, from });
    }
    return this.tellOf(mac);
  }

  private tellOf(mac: string): Answer {
    const record = this.side.ledger.get(mac);
    return record === undefined ? json({ machine: null }) : json({ machine: machineOf(record) });
  }

  private metrics(): string {
    const phases: Record<string, number> = { granted: 0, leased: 0, ended: 0 };
    for (const { phase } of this.side.ledger.all()) phases[phase] = (phases[phase] ?? 0) + 1;
    return this.side.metrics.text(phases, this.side.log.lost);
  }

  private isKnown(authorization: string | undefined): boolean {
    const hash = (text: string) => createHash("sha256").update(text).digest();
    return timingSafeEqual(hash(authorization ?? ""), hash(`Bearer ${this.side.token}`));
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work, work);
    this.turn = done.catch(() => undefined);
    return done;
  }
}

/** A record as operators see it. */
function machineOf({ permission, phase, asked, end }: MachineBoot) {
  const { mac, uuid, action, generation, issued, expires } = permission;
  return { mac, uuid, action, generation, issued, expires, phase, asked, ...(end !== undefined && { end }) };
}

function configurationProblems(permission: Permission, text: string | undefined, possible: boolean): Problem[] {
  const { configuration: hash, enrolment } = permission;
  if (hash === undefined && text === undefined) {
    if (enrolment === undefined) return [];
    return [wrong("enrolment", "there is no configuration to hand out", "send one with the permission")];
  }
  if (!possible) {
    return [
      wrong(
        "configuration",
        "this boot server has no TLS to hand out configurations over",
        "leave it out: plinth hands the machine its configuration when it waits in maintenance mode",
      ),
    ];
  }
  if (hash !== undefined && text !== undefined && digest(text) === hash) return [];
  return [wrong("configuration", "is not the one that was signed", "send it with the permission that names it")];
}

const wrong = (path: string, reason: string, fix: string): Problem => ({ path, reason, fix });
const refused = (problems: readonly Problem[]): Answer => json({ problems }, 400);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
