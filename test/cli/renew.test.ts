import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { parse } from "yaml";
import { registerRenew, withNextGeneration } from "../../cli/commands/renew";
import { checkSite } from "../../components/site/parse";
import { ROOT } from "../support/site";

const TEXT = readFileSync(path.join(ROOT, "stacks/Pulumi.lab.yaml"), "utf8");

test("raises one machine's generation and leaves every other line alone", () => {
  const first = withNextGeneration(TEXT, "f", "cp-3");
  expect(first.generation).toBe(2);
  const added = first.text.split("\n").filter((line) => !TEXT.split("\n").includes(line));
  expect(added).toEqual(["        generation: 2"]);
  expect(first.text.split("\n")).toHaveLength(TEXT.split("\n").length + 1);
  const second = withNextGeneration(first.text, "f", "cp-3");
  expect(second.generation).toBe(3);
  const site = parse(second.text).config["plinth:site"];
  expect(site.machines["cp-3"].generation).toBe(3);
  expect(checkSite(site).problems).toEqual([]);
});

test("a machine on one line stays on it", () => {
  const text =
    "config:\n  plinth:site:\n    machines: { a: { role: worker }, b: {role: worker, generation: 4 } } # two\n";
  expect(withNextGeneration(text, "f", "a").text).toBe(text.replace("a: {", "a: { generation: 2,"));
  expect(withNextGeneration(text, "f", "b").text).toBe(text.replace("4", "5"));
});

test("a machine that is not there is refused with the nearest one", () => {
  expect(() => withNextGeneration(TEXT, "f.yaml", "cp3")).toThrow(
    "f.yaml cannot be changed:\n  - machines.cp3: there is no such machine (did you mean cp-3?)",
  );
  expect(() => withNextGeneration("config: {}", "f.yaml", "cp-3")).toThrow(/no such machine \(name a stack file\)/);
  expect(() =>
    withNextGeneration(TEXT.replace("role: worker", "role: worker\n        generation: x"), "f", "worker-1"),
  ).toThrow(/machines.worker-1.generation: x is no generation \(write a number from 1\)/);
});

test("the command writes the file", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "plinth-renew-"));
  const said = jest.spyOn(console, "log").mockImplementation(() => undefined);
  try {
    const file = path.join(folder, "Pulumi.lab.yaml");
    writeFileSync(file, TEXT);
    const program = new Command();
    registerRenew(program);
    await program.parseAsync(["renew", file, "worker-1"], { from: "user" });
    expect(parse(readFileSync(file, "utf8")).config["plinth:site"].machines["worker-1"].generation).toBe(2);
    expect(said.mock.calls.join()).toMatch(/machines\.worker-1\.generation is 2 now/);
  } finally {
    said.mockRestore();
    rmSync(folder, { recursive: true });
  }
});
