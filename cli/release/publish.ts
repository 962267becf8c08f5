/** How a signed repository gets to where it is served from. */
import { copyFileSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";

/** Copies a repository so that whoever reads it meanwhile sees the old state or the new one: what names comes last. */
export function publishRepository(from: string, to: string): void {
  const copy = (folder: string, names: readonly string[]) => {
    mkdirSync(join(to, folder), { recursive: true });
    for (const name of names) {
      const draft = join(to, folder, `.${name}.new`);
      copyFileSync(join(from, folder, name), draft);
      renameSync(draft, join(to, folder, name));
    }
  };
  for (const channel of readdirSync(join(from, "targets")))
    copy(join("targets", channel), readdirSync(join(from, "targets", channel)));
  const names = readdirSync(join(from, "metadata"));
  for (const kind of [".targets.json", ".snapshot.json", ".root.json"])
    copy(
      "metadata",
      names.filter((name) => name.endsWith(kind)),
    );
  copy("metadata", ["timestamp.json"]);
}
