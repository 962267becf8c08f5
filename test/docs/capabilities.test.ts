import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { ROOT } from "../support/site";

interface Capability {
  readonly what: string;
  /** File → titles of the tests in it that show the capability. */
  readonly shown: { readonly [file: string]: readonly string[] };
}

const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8");
const capabilities: Capability[] = parse(read("docs/capabilities.yaml"));

const table = ["| capability | shown by |", "|---|---|"]
  .concat(
    capabilities.map(({ what, shown }) => {
      const files = Object.keys(shown).map((file) => `[${file.replace(/^test\//, "")}](${file})`);
      return `| ${what} | ${files.join(", ")} |`;
    }),
  )
  .join("\n");

test("the README's table is what docs/capabilities.yaml says", () => {
  const [, inReadme] = /<!-- capabilities -->\n([\s\S]*?)\n<!-- \/capabilities -->/.exec(read("README.md")) ?? [];
  expect(inReadme).toBe(table);
});

test.each(capabilities.map(({ what, shown }) => [what, shown] as const))("%s", (_, shown) => {
  expect(Object.keys(shown).length).toBeGreaterThan(0);
  for (const [file, titles] of Object.entries(shown)) {
    expect([file, existsSync(path.join(ROOT, file))]).toEqual([file, true]);
    expect(titles.length).toBeGreaterThan(0);
    const text = read(file);
    for (const title of titles) expect([file, title, text.includes(title)]).toEqual([file, title, true]);
  }
});
