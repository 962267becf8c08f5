/** Machine configurations that installers fetch: once each, over TLS, with a token that only the installer was told. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { MachineBoot, Permission } from "../components/boot/intent";
import { type Answer, notFound } from "./answer";
import type { BootLog } from "./log";

/** How long a token is good, in milliseconds: kernel, network and time come first. */
const FETCH = 15 * 60_000;
const MOST_TOKENS = 4096;

export class Configurations {
  /** Digests of configurations whose permission is not recorded yet. */
  private readonly arriving = new Set<string>();
  private readonly tokens = new Map<string, { readonly hash: string; readonly mac: string; readonly until: number }>();

  /** `url` is how machines reach the TLS listener; without one no configuration is served. */
  constructor(
    private readonly folder: string,
    private readonly url: string | undefined,
    private readonly log: BootLog,
    private readonly now: () => number,
  ) {}

  /** Keeps the configuration of a permission, by its digest; nobody tidies it away until `recorded` has ended. */
  async store(text: string, recorded: () => Promise<void>): Promise<void> {
    const hash = digest(text);
    this.arriving.add(hash);
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      const draft = join(this.folder, `${hash}.${randomBytes(4).toString("hex")}`);
      await writeFile(draft, text, { mode: 0o600, flush: true });
      await rename(draft, join(this.folder, `${hash}.yaml`));
      await recorded();
    } finally {
      this.arriving.delete(hash);
    }
  }

  /** URL for one fetch by the installer that this permission is answered with; `undefined` if there is nothing to fetch. */
  offer({ configuration, mac }: Permission): string | undefined {
    if (configuration === undefined || this.url === undefined) return undefined;
    for (const [token, { until }] of this.tokens) {
      if (until >= this.now() && this.tokens.size < MOST_TOKENS) break;
      this.tokens.delete(token);
    }
    const token = randomBytes(32).toString("hex");
    this.tokens.set(token, { hash: configuration, mac, until: this.now() + FETCH });
    return `${this.url}/configuration/${token}`;
  }

  /** Where machines fetch, over TLS; `undefined` if nothing is served. */
  get place(): string | undefined {
    return this.url;
  }

  /** A configuration by its digest. */
  async read(hash: string): Promise<string | undefined> {
    return readFile(join(this.folder, `${hash}.yaml`), "utf8").catch(() => undefined);
  }

  /** The configuration, the first time somebody comes with the token. */
  async fetch(token: string, from: string): Promise<Answer> {
    const offered = this.tokens.get(token);
    this.tokens.delete(token);
    if (offered === undefined || this.now() > offered.until) {
      this.log.write({ event: "refused", from, because: "configuration-token" });
      return notFound;
    }
    const body = await this.read(offered.hash);
    if (body === undefined) return notFound;
    this.log.write({ event: "configuration", mac: offered.mac, from });
    return { status: 200, type: "application/yaml", body };
  }

  /** Removes what no open permission needs: a machine configuration holds the secrets of its cluster. */
  async tidy(records: () => readonly MachineBoot[]): Promise<void> {
    for (const file of await readdir(this.folder).catch(() => [])) {
      const [hash = ""] = file.split(".");
      // Looked at again for each file: a permission may arrive between two.
      const open = records().filter(({ phase }) => phase !== "ended");
      const needed = file === `${hash}.yaml` && open.some(({ permission }) => permission.configuration === hash);
      if (!needed && !this.arriving.has(hash)) await rm(join(this.folder, file), { force: true });
    }
  }
}

/** SHA-256 in hex, as a permission names a configuration. */
export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
