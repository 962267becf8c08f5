import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** `auth.v1-token` for every entry of the list. */
function listed(): string[] {
  const areas = parse(readFileSync(join(__dirname, "behaviours.yaml"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  return Object.entries(areas).flatMap(([area, entries]) => Object.keys(entries).map((name) => `${area}.${name}`));
}

function tested(): string[] {
  return readdirSync(__dirname)
    .filter((file) => /^contract-.*\.test\.ts$/.test(file))
    .flatMap((file) => [...readFileSync(join(__dirname, file), "utf8").matchAll(/\bbehaviour\(\s*"([^"]+)"/g)])
    .map(([, id = ""]) => id);
}

test("every behaviour of the list has exactly one contract test, and every contract test is in the list", () => {
  expect(tested().sort()).toEqual(listed().sort());
});
