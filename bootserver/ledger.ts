import { advance, type BootEvent, endBy, type MachineBoot } from "../components/boot/intent";
import { Journal } from "./journal";

/** What is known of every machine that ever had a permission, by MAC address; durable through a crash. */
export class Ledger {
  private constructor(
    private readonly journal: Journal,
    private readonly records: Map<string, MachineBoot>,
  ) {}

  /**
   * Opens the ledger in `file`. After damage no open wipe is trusted: the line that is lost may have been the one that
   * ended it.
   */
  static async open(file: string, warn: (sentence: string) => void): Promise<Ledger> {
    let records = new Map<string, MachineBoot>();
    const { journal, damaged } = await Journal.open(file, (entries) => {
      records = replay(entries as readonly BootEvent[]);
      return [...records.values()].flatMap(eventsOf);
    });
    const ledger = new Ledger(journal, records);
    if (damaged) {
      warn(`${file} was damaged at its end; what came after the damage is forgotten, and open wipes are taken back`);
      for (const record of records.values()) {
        const event = record.permission.action === "wipe" ? endBy(record, "revoked") : undefined;
        if (event !== undefined) await ledger.record(event);
      }
    }
    return ledger;
  }

  get(mac: string): MachineBoot | undefined {
    return this.records.get(mac);
  }

  all(): readonly MachineBoot[] {
    return [...this.records.values()];
  }

  /**
   * Resolves when the event is on the disk: only then may anybody hear of it. Whatever takes something away holds at
   * once, what gives something only when it is stored.
   */
  async record(event: BootEvent): Promise<void> {
    if (event.kind !== "granted") this.advance(event);
    await this.journal.append(event);
    if (event.kind === "granted") this.advance(event);
  }

  close(): Promise<void> {
    return this.journal.close();
  }

  private advance(event: BootEvent): void {
    const mac = event.kind === "granted" ? event.permission.mac : event.mac;
    const record = advance(this.records.get(mac), event);
    if (record !== undefined) this.records.set(mac, record);
  }
}

function replay(events: readonly BootEvent[]): Map<string, MachineBoot> {
  const records = new Map<string, MachineBoot>();
  for (const event of events) {
    const mac = event.kind === "granted" ? event.permission.mac : event.mac;
    const record = advance(records.get(mac), event);
    if (record !== undefined) records.set(mac, record);
  }
  return records;
}

/** The shortest history that leads to a record. Of the answers only whose turn it is matters. */
function eventsOf({ permission, phase, asked, end }: MachineBoot): BootEvent[] {
  const { mac } = permission;
  const turns = asked === 0 ? 0 : 2 - (asked % 2);
  return [
    { kind: "granted", permission },
    ...Array.from({ length: turns }, (): BootEvent => ({ kind: "asked", mac })),
    ...(phase === "ended" ? [{ kind: "ended" as const, mac, end: end ?? "revoked" }] : []),
  ];
}
