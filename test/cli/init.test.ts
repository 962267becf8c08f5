import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initProject, withProvider } from "../../cli/commands/init";

const LINES = "plugins:\n  providers:\n    - name: plinth\n      path: ./p";

describe("withProvider", () => {
  test("appends to a project without plugins and leaves every byte of it", () => {
    const project = "name: demo # mine\n\nruntime:   nodejs\n";
    expect(withProvider(project, "./p", LINES)).toBe(`${project}${LINES}\n`);
  });

  test("adds to other providers and keeps the comments", () => {
    const project = "name: demo\nplugins:\n  # forked\n  providers:\n    - name: aws # ours\n      path: ./aws\n";
    const after = withProvider(project, "./p", LINES);
    expect(after).toContain("# forked");
    expect(after).toContain("- name: aws # ours");
    expect(after).toContain("    - name: plinth\n      path: ./p\n");
  });

  test("corrects its own entry, and a second run changes nothing", () => {
    const project = "name: demo\nplugins:\n  providers:\n    - name: plinth\n      path: /old # moved\n";
    const after = withProvider(project, "./p", LINES);
    expect(after).toContain("path: ./p");
    expect(after).not.toContain("/old");
    expect(withProvider(after, "./p", LINES)).toBe(after);
  });

  test("refuses what is no project file, with the lines to write by hand", () => {
    expect(() => withProvider("plugins: [", "./p", LINES)).toThrow(/not valid YAML[\s\S]*- name: plinth/);
    expect(() => withProvider("plugins:\n  providers: 3\n", "./p", LINES)).toThrow(/is not a list/);
  });
});

describe("plinth init", () => {
  const folder = mkdtempSync(join(tmpdir(), "plinth-init-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("finds the project above, writes it once, says so", () => {
    writeFileSync(join(folder, "Pulumi.yaml"), "name: demo\nruntime: nodejs\n");
    mkdirSync(join(folder, "src"));
    expect(initProject(join(folder, "src"))).toMatch(/now says where/);
    expect(readFileSync(join(folder, "Pulumi.yaml"), "utf8")).toMatch(/path: .*provider\/bin\n$/);
    expect(initProject(folder)).toMatch(/nothing to do/);
  });

  test("says what to do where there is no project", () => {
    rmSync(join(folder, "Pulumi.yaml"));
    expect(() => initProject(folder)).toThrow(/there is no Pulumi.yaml here or above \(run it inside a Pulumi project/);
  });
});
