import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pluginFolder, pluginLines, pluginProblems } from "../components/discovery";

const root = mkdtempSync(join(tmpdir(), "plinth-discovery-"));
const env = (more: NodeJS.ProcessEnv = {}) => ({ PULUMI_NODEJS_ROOT_DIRECTORY: root, HOME: root, PATH: "", ...more });
const project = (text: string) => writeFileSync(join(root, "Pulumi.yaml"), `name: demo\n${text}`);

beforeAll(() => {
  mkdirSync(join(root, "bin"));
  writeFileSync(join(root, "bin", "pulumi-resource-plinth"), "");
  chmodSync(join(root, "bin", "pulumi-resource-plinth"), 0o755);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("says the exact lines to add when nothing leads to the plugin", () => {
  project("");
  const [problem] = pluginProblems(env());
  expect(problem?.reason).toBe("does not say where plinth's provider plugin is");
  expect(problem?.fix).toContain(`plugins:\n  providers:\n    - name: plinth\n      path: ${pluginFolder(root)}`);
});

test("says so when the project names a folder without the plugin", () => {
  project("plugins:\n  providers:\n    - name: plinth\n      path: ./nowhere\n");
  expect(pluginProblems(env())[0]?.reason).toMatch(/names .\/nowhere .* where no pulumi-resource-plinth is/);
});

test.each([
  ["the lines are there", () => project(`plugins:\n  providers:\n    - name: plinth\n      path: ./bin\n`), {}],
  ["it is on PATH", () => project(""), { PATH: join(root, "bin") }],
  ["a debugger runs it", () => project(""), { PULUMI_DEBUG_PROVIDERS: "plinth:4711" }],
])("is content when %s", (_, prepare, more) => {
  prepare();
  expect(pluginProblems(env(more))).toEqual([]);
});

test("does not guess about programs that configure their workspace in code", () => {
  project("");
  expect(pluginProblems({ PATH: "" })).toEqual([]);
});

test("names the plugin relative to a project that holds the package", () => {
  expect(pluginLines(join(__dirname, ".."))).toContain("path: ./provider/bin");
});
