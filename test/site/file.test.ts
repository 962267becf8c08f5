import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readSiteFile } from "../../components/site/file";

const folder = mkdtempSync(path.join(tmpdir(), "plinth-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string): unknown {
  const file = path.join(folder, "Pulumi.test.yaml");
  writeFileSync(file, text);
  return readSiteFile(file);
}

test("the site is read from below its key", () => {
  expect(read("config:\n  plinth:site: { name: a }\n")).toEqual({ name: "a" });
});

test.each(["", "config: {}", "config:\n  other:site: {}\n", "[]"])("%j describes no site", (text) => {
  expect(() => read(text)).toThrow(/describes no site:\n {2}- config\.plinth:site: is missing/);
});

test("a file that is not there is a problem, not a crash", () => {
  expect(() => readSiteFile(path.join(folder, "none.yaml"))).toThrow(/none\.yaml: ENOENT.*\(name a stack file/);
});

test("broken YAML names the line", () => {
  expect(() => read("config:\n  plinth:site: {name: a\n")).toThrow(/is not YAML:\n {2}- .*line \d/);
});
