import { readdirSync } from "node:fs";
import path from "node:path";
import { rules } from "../../policies/rules";
import { ROOT } from "../support/site";
import { cases } from "./cases";
import { type Cases, failures } from "./harness";

const WAYS = ["compliant", "violating", "irrelevant", "extras", "unknown"] as const;

/** Every subject of a rule, whatever the settings it is tried with. */
const of = (name: string, way: (typeof WAYS)[number]) =>
  cases.filter(({ rule }) => rule === name).flatMap((one) => one[way] as readonly unknown[]);

const only = (one: Cases, way: (typeof WAYS)[number]): Cases => ({
  ...one,
  ...Object.fromEntries(WAYS.filter((other) => other !== way).map((other) => [other, []])),
});

describe.each(rules.map((rule) => [rule.name, rule] as const))("%s", (name, rule) => {
  it.each(WAYS)("is tried on something %s, and holds", (way) => {
    expect(of(name, way).length).toBeGreaterThan(0);
    expect(cases.filter((one) => one.rule === name).flatMap((one) => failures(rule, only(one, way)))).toEqual([]);
  });
});

describe("the pack", () => {
  it("has every file below policies/rules, one rule a file, under the file's own name", () => {
    const folder = path.join(ROOT, "policies/rules");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.includes(path.sep))
      .map((file) => file.split(path.sep).join("/").replace(/\.ts$/, ""))
      .filter((file) => file.includes("/"))
      .sort();
    expect(rules.map(({ area, name }) => `${area}/${name}`).sort()).toEqual(files);
    expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
    expect(rules.length).toBeGreaterThanOrEqual(40);
  });

  it("tries no rule that it has not", () => {
    const known = new Set(rules.map(({ name }) => name));
    expect(cases.map(({ rule }) => rule).filter((name) => !known.has(name))).toEqual([]);
  });

  it.each(rules.map((rule) => [rule.name, rule] as const))("%s speaks in whole sentences", (_, rule) => {
    expect(rule.sentence).toMatch(/^[A-Z].* (must|may) .*\.$/);
    for (const text of [rule.prevents, rule.fix]) expect(text).toMatch(/^\S.*[.)]$/);
    expect(rule.name).toMatch(/^[a-z]+(-[a-z]+)+$/);
  });

  it("asks no less of production than of a workbench", () => {
    const order = ["disabled", "advisory", "mandatory"];
    for (const { name, levels } of rules) {
      const asked = [levels.minimal, levels.standard, levels.production].map((level) => order.indexOf(level));
      expect([name, asked]).toEqual([name, [...asked].sort()]);
    }
  });
});
