import { execFileSync } from "node:child_process";
import path from "node:path";
import { ROOT } from "../support/site";

/** Every preview waits for the plugin to start, so that is what must not grow unseen. */
const LOADED = `
  const { resources } = require(${JSON.stringify(path.join(ROOT, "dist/provider/resources.js"))});
  require(${JSON.stringify(path.join(ROOT, "dist/provider/host/server.js"))});
  const types = ["plinth:talos:Bootstrap", "plinth:talos:ClusterRelease"];
  Promise.all(types.map((type) => resources.get(type)())).then(() => console.log(JSON.stringify(Object.keys(require.cache))));
`;

const loaded = (script: string): string[] =>
  JSON.parse(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }));

/** Every type and function, asked for once. */
const ALL = `
  const { resources } = require(${JSON.stringify(path.join(ROOT, "dist/provider/resources.js"))});
  const { functions } = require(${JSON.stringify(path.join(ROOT, "dist/provider/function.js"))});
  Promise.all([...resources.values(), ...functions.values()].map((load) => load()))
    .then(() => console.log(JSON.stringify(Object.keys(require.cache))));
`;

/** Of Pulumi's library the protocol alone is for plugins: the rest brings a TypeScript compiler along. */
const library = (files: readonly string[]): string[] =>
  files.filter((file) => file.includes("node_modules/@pulumi/pulumi/") && !file.includes("/proto/"));

it("nothing that a plugin serves loads Pulumi's own library", () => {
  const files = loaded(ALL);
  expect(files.some((file) => file.endsWith("dist/provider/latitude/Server.js"))).toBe(true);
  expect(library(files)).toEqual([]);
});

it("a plugin that serves a site does not load what most runs do not use", () => {
  const files = loaded(LOADED);
  const packages = files.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  expect([...new Set(packages)]).toContain("zod");
  expect(library(files)).toEqual([]);
  for (const name of [
    "typescript",
    "jose",
    "yaml",
    "temporal-polyfill",
    "aws4fetch",
    "age-encryption",
    "@kubernetes/client-node",
  ]) {
    expect(packages).not.toContain(name);
  }
});
