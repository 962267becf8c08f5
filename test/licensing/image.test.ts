import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { bin } from "../../package.json";
import { ROOT } from "../support/site";

const recipe = readFileSync(path.join(ROOT, "image/Containerfile"), "utf8");
const lines = recipe.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
const of = (word: string) =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

test("every base is pinned by its digest, and packages by the lock file", () => {
  expect(of("FROM")).toHaveLength(2);
  for (const base of of("FROM")) expect(base).toMatch(/^[a-z0-9./-]+:[a-z0-9-]+@sha256:[0-9a-f]{64}( AS build)?$/);
  for (const step of of("RUN")) expect(step).not.toMatch(/npm (install|i)\b|apt-get|curl|wget/);
  expect(of("RUN")[0]).toBe("npm ci --ignore-scripts --no-audit --no-fund");
});

test("it starts the command line, as nobody", () => {
  expect(JSON.parse(of("ENTRYPOINT")[0] ?? "").at(-1)).toBe(`/plinth/${bin.plinth}`);
  expect(of("USER")).toEqual(["65532:65532"]);
  expect(recipe).toContain(`COPY --from=build --chown=0:0 /plinth/${bin.plinth.split("/")[0]} `);
});

test("nothing that the build reads is left out", () => {
  const ignored = readFileSync(path.join(ROOT, "image/ignore"), "utf8").trim().split("\n");
  const { include } = JSON.parse(readFileSync(path.join(ROOT, "tsconfig.build.json"), "utf8")) as { include: string[] };
  expect(include.filter((folder) => ignored.includes(folder))).toEqual(["bench"]);
  for (const name of ["package.json", "package-lock.json", "tsconfig.build.json"]) {
    expect(existsSync(path.join(ROOT, name))).toBe(true);
    expect(ignored).not.toContain(name);
  }
});
