import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/** One object as it is kept: relations are ids. */
export interface Row {
  id: number;
  created: string;
  last_updated: string;
  [field: string]: unknown;
}

interface Snapshot {
  readonly next: Readonly<Record<string, number>>;
  readonly tables: Readonly<Record<string, readonly Row[]>>;
}

/** The tables, with all-or-nothing changes. With a file, every committed change is on disk before it is answered. */
export class Store {
  private readonly tables = new Map<string, Map<number, Row>>();
  private readonly next = new Map<string, number>();
  private undo: (() => void)[] | undefined;
  private clock = 0;

  constructor(private readonly file?: string) {
    if (file === undefined || !existsSync(file)) return;
    const snapshot = JSON.parse(readFileSync(file, "utf8")) as Snapshot;
    for (const [name, rows] of Object.entries(snapshot.tables)) {
      this.tables.set(name, new Map(rows.map((row) => [row.id, row])));
    }
    for (const [name, id] of Object.entries(snapshot.next)) this.next.set(name, id);
  }

  /** Rows of a table in the order they were made. */
  all(table: string): Row[] {
    return [...this.table(table).values()];
  }

  get(table: string, id: number): Row | undefined {
    return this.table(table).get(id);
  }

  insert(table: string, fields: Readonly<Record<string, unknown>>): Row {
    const id = this.next.get(table) ?? 1;
    this.next.set(table, id + 1);
    const now = this.now();
    const row: Row = { ...fields, id, created: now, last_updated: now };
    this.table(table).set(id, row);
    this.undo?.push(() => this.table(table).delete(id));
    return row;
  }

  update(table: string, id: number, fields: Readonly<Record<string, unknown>>): Row {
    const old = this.table(table).get(id);
    if (old === undefined) throw new Error(`no row ${id} in ${table}`);
    const row: Row = { ...old, ...fields, id, last_updated: this.now() };
    this.table(table).set(id, row);
    this.undo?.push(() => this.table(table).set(id, old));
    return row;
  }

  remove(table: string, id: number): void {
    const old = this.table(table).get(id);
    if (old === undefined) return;
    this.table(table).delete(id);
    this.undo?.push(() => this.table(table).set(id, old));
  }

  /** Runs a change; when it throws, nothing of it remains. */
  transaction<T>(change: () => T): T {
    const undo: (() => void)[] = [];
    this.undo = undo;
    try {
      const result = change();
      this.undo = undefined;
      if (undo.length > 0) this.save();
      return result;
    } catch (error) {
      this.undo = undefined;
      for (const step of undo.reverse()) step();
      throw error;
    }
  }

  private table(name: string): Map<number, Row> {
    const table = this.tables.get(name) ?? new Map<number, Row>();
    this.tables.set(name, table);
    return table;
  }

  /** Microseconds, never the same twice: two changes of one object within a millisecond must differ in their ETag. */
  private now(): string {
    this.clock = Math.max(Date.now() * 1000, this.clock + 1);
    const millis = Math.floor(this.clock / 1000);
    const micros = String(this.clock % 1000).padStart(3, "0");
    return new Date(millis).toISOString().replace("Z", `${micros}Z`);
  }

  private save(): void {
    if (this.file === undefined) return;
    const tables = Object.fromEntries([...this.tables].map(([name, rows]) => [name, [...rows.values()]]));
    const snapshot: Snapshot = { next: Object.fromEntries(this.next), tables };
    writeFileSync(`${this.file}.new`, JSON.stringify(snapshot), { mode: 0o600 });
    renameSync(`${this.file}.new`, this.file);
  }
}
