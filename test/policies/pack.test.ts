import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { ROOT } from "../support/site";

const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8");

test("the pack loads neither Pulumi's SDK nor a gRPC library nor what only some stacks need: every preview waits for it", () => {
  const script = `require(${JSON.stringify(path.join(ROOT, "dist/policies/pack"))}); console.log(Object.keys(require.cache).join("\\n"))`;
  const loaded = execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }).split("\n");
  const heavy =
    /node_modules\/(@pulumi\/pulumi\/(index|resource|runtime\/)|@pulumi\/kubernetes|@grpc|zod|yaml|typescript|@kubernetes)/;
  expect(loaded.length).toBeGreaterThan(50);
  expect(loaded.filter((file) => heavy.test(file))).toEqual([]);
});

test("it is a package of its own, with a version, and found where the engine looks for it", () => {
  const own = JSON.parse(read("policies/package.json"));
  expect(own).toMatchObject({ name: "plinth-policies", version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  expect(parse(read("policies/PulumiPolicy.yaml"))).toMatchObject({ runtime: { name: "nodejs" } });
  const { files } = JSON.parse(read("package.json"));
  for (const file of ["policies/PulumiPolicy.yaml", "policies/package.json", "policies/bin"])
    expect(files).toContain(file);
});
