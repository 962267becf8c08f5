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

it("a plugin that serves a site loads neither Pulumi's own library nor what most runs do not use", () => {
  const files: string[] = JSON.parse(execFileSync(process.execPath, ["-e", LOADED], { encoding: "utf8" }));
  const packages = files.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  expect([...new Set(packages)]).toContain("zod");
  // Of Pulumi's library the protocol alone: the rest brings a TypeScript compiler along.
  const pulumi = files.filter((file) => file.includes("node_modules/@pulumi/pulumi/"));
  expect(pulumi.filter((file) => !file.includes("/proto/"))).toEqual([]);
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
