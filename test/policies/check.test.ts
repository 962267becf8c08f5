import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";
import { RULES_MARK } from "../../cli/commands/check";
import { rulesPage } from "../../policies/report/page";
import { rules } from "../../policies/rules";
import { ROOT } from "../support/site";
import { type Draft, labState, STATE } from "./drafts";
import { deployment, helmRelease } from "./objects";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-check-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => path.join(folder, name);
const write = (name: string, content: unknown) => {
  writeFileSync(at(name), typeof content === "string" ? content : JSON.stringify(content));
  return at(name);
};

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the compiled command line. */
function plinth(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return run(process.execPath, [path.join(ROOT, "dist/cli/main.js"), ...args], env);
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const whole = { ...process.env, PLINTH_CACHE: at("cache"), ...env };
  return new Promise((resolve) => {
    execFile(program, args, { cwd: folder, env: whole }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : 99, stdout, stderr }),
    );
  });
}

/** The lab's state with one more resource. */
function stateWith(...more: readonly Draft[]): string {
  const state = labState();
  state.checkpoint.latest.resources.push(...more);
  return write("state.json", state);
}

/** What the engine printed for a change of the lab, as `pulumi preview --json` does. */
const PREVIEW = path.join(path.dirname(STATE), "preview.json");

/** That preview with one of its steps edited, or more of them. */
function previewWith(edit: (steps: Written[]) => void): string {
  const preview = JSON.parse(readFileSync(PREVIEW, "utf8"));
  edit(preview.steps);
  return write("steps.json", preview);
}

interface Written {
  readonly op: string;
  readonly urn: string;
  readonly oldState?: Draft;
  readonly newState?: Draft;
}

/** A control plane that becomes a worker. */
const demotion = (steps: Written[]) => {
  const release = steps.find(({ urn }) => urn.endsWith("::site-release"));
  if (release?.newState === undefined) throw new Error("the recorded preview changes no release");
  release.newState.inputs.nodes["cp-1"].type = "worker";
};

describe("plinth check", () => {
  it("finds nothing that stops in what the lab left behind, and ends with 0", async () => {
    const { code, stdout } = await plinth(["check", "--state", STATE]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n0 errors, 2 warnings, 0 accepted, \d+ undecided\n$/);
  });

  it("ends with 1 when a rule stops, and says what, where and what to do", async () => {
    const { code, stdout } = await plinth(["check", "--state", stateWith(deployment({ image: "nginx:latest" }))]);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^error +image-tag-fixed web: An image must be named by a version.* Here spec\.template\.spec\.containers\[0\]\.image: "nginx:latest" has no version\. Write the version's tag/m,
    );
  });

  it("reads what the engine prints of a preview, secrets unseen", async () => {
    const { code, stdout } = await plinth(["check", "--preview", PREVIEW]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^undecided .*authority-pinned/m);
    expect(stdout).toMatch(/\n0 errors, /);
  });

  it("sees in a preview what the engine shows to no rule", async () => {
    const { code, stdout } = await plinth(["check", "--preview", previewWith(demotion)]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^error +node-kept-in-place site-release: .*type of a running node cannot change/m);
  });

  it("looks at the stack as it will be, state and preview together", async () => {
    const web = deployment({ image: "nginx:latest" });
    const mended = { op: "update", urn: web.urn, oldState: web, newState: deployment() };
    expect(
      (await plinth(["check", "--state", stateWith(web), "--preview", previewWith((steps) => steps.push(mended))]))
        .code,
    ).toBe(0);
    const gone = { op: "delete", urn: web.urn, oldState: web };
    expect(
      (await plinth(["check", "--state", stateWith(web), "--preview", previewWith((steps) => steps.push(gone))])).code,
    ).toBe(0);
  });

  it("tells a program the same as JSON, and code scanning as SARIF", async () => {
    const state = stateWith(deployment({ image: "nginx:latest" }));
    const json = JSON.parse((await plinth(["check", "--state", state, "--format", "json"])).stdout);
    expect(json.findings).toContainEqual(
      expect.objectContaining({ rule: "image-tag-fixed", level: "mandatory", urn: deployment().urn, severity: "high" }),
    );
    const sarif = JSON.parse((await plinth(["check", "--state", state, "--format", "sarif"])).stdout);
    const { tool, results } = sarif.runs[0];
    expect(sarif.version).toBe("2.1.0");
    const found = results.find(({ ruleId }: { ruleId: string }) => ruleId === "image-tag-fixed");
    expect(found).toMatchObject({
      level: "error",
      locations: [{ physicalLocation: { artifactLocation: { uri: state } } }],
    });
    expect(tool.driver.rules[found.ruleIndex].id).toBe("image-tag-fixed");
    expect(tool.driver.rules).toHaveLength(rules.length);
  });

  it("asks more of production, and accepts a finding for as long as its exemption holds", async () => {
    const state = stateWith();
    const asked = await plinth(["check", "--state", state, "--profile", "production"]);
    expect(asked.code).toBe(1);
    expect(asked.stdout).toMatch(/^error +backup-declared/m);
    const exempt = (until: string) =>
      write("policies.json", {
        "pack-settings": {
          profile: "production",
          exemptions: ["backup-declared", "namespace-has-a-security-level"].map((rule) => ({
            rule,
            resource: "site-*",
            reason: "the lab is thrown away",
            until,
          })),
        },
      });
    const accepted = await plinth(["check", "--state", state, "--config", exempt("2999-12-31")]);
    expect(accepted.stdout).toMatch(/^accepted +backup-declared: backup until 2999-12-31 \(the lab is thrown away\)/m);
    expect(accepted.code).toBe(0);
    const past = await plinth(["check", "--state", state, "--config", exempt("2020-12-31")]);
    expect(past.stdout).toMatch(/^error +pack-settings: .* ended on 2020-12-31/m);
    expect(past.stdout).toMatch(/^error +backup-declared/m);
  });

  it.each([
    [[], /no stack, preview or state is named/],
    [["--state", "none.json"], /none\.json: ENOENT/],
    [["--state", "broken.json"], /broken\.json cannot be checked:\n.*it is not JSON/],
    [["--preview", "empty.json"], /steps: there are none/],
    [["--state", "empty.json"], /it is no state of a stack/],
    [["--state", "empty.json", "--config", "wrong.json"], /no-such-rule: there is no such rule/],
    [["--state", "empty.json", "--config", "level.json"], /requests-set: "maybe" is not a level/],
  ])("%j is refused in one sentence, with 2", async (args, sentence) => {
    write("broken.json", "{");
    write("empty.json", {});
    write("wrong.json", { "no-such-rule": "advisory" });
    write("level.json", { "requests-set": "maybe" });
    const { code, stderr } = await plinth(["check", ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it("checks a stack's site file by its own rules", async () => {
    const text = readFileSync(path.join(ROOT, "stacks/Pulumi.home.yaml"), "utf8");
    write("Pulumi.yaml", "name: plinth\nruntime: nodejs\n");
    mkdirSync(at("stacks"));
    write("stacks/Pulumi.home.yaml", text.replace("cidr: 10.0.0.0/16", "cidr: 10.0.0.5/16"));
    const { code, stderr } = await plinth(["check", "--stack", "home"], { PULUMI_BACKEND_URL: "" });
    expect(code).toBe(2);
    expect(stderr).toMatch(/network\.cidr: "?10\.0\.0\.5\/16"? has host bits/);
  });
});

describe("charts", () => {
  it("are rendered once from their pinned archives, and their objects are checked like declared ones", async () => {
    mkdirSync(at("archives"));
    mkdirSync(at("demo"));
    write("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.2.3\n");
    const packed = await run("tar", ["-czf", at("archives/demo-1.2.3.tgz"), "demo"], {});
    expect(packed.code).toBe(0);
    // Stands for helm: notes its calls and renders a Deployment with a floating tag.
    const object = { ...deployment({ image: "nginx:latest" }).inputs };
    write("object.json", object);
    write("helm", `#!/bin/sh\necho "$@" >> ${at("calls")}\ncat ${at("object.json")}\n`);
    chmodSync(at("helm"), 0o755);
    const env = { PLINTH_HELM: at("helm"), PLINTH_CHARTS_DIR: at("archives") };
    const state = stateWith(helmRelease({ values: { replicas: 2 } }));
    for (let times = 0; times < 2; times++) {
      const { code, stdout } = await plinth(["check", "--state", state], env);
      expect(stdout).toMatch(/^error +image-tag-fixed web: .*"nginx:latest" has no version/m);
      expect(code).toBe(1);
    }
    const calls = readFileSync(at("calls"), "utf8").trim().split("\n");
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatch(
      /^template chart .*demo-1\.2\.3\.tgz --namespace default --kube-version v1\.36\.3 --include-crds --values /,
    );
  });
});

describe("the examples for CI", () => {
  /** Commands of the environment that the examples run in: the engine prints what the lab left behind. */
  function environment(preview: string): NodeJS.ProcessEnv {
    mkdirSync(at("bin"));
    const command = (name: string, body: string) => {
      write(`bin/${name}`, `#!/bin/sh\n${body}\n`);
      chmodSync(at(`bin/${name}`), 0o755);
    };
    command("npm", `[ "$1" = ci ]`);
    command(
      "npx",
      `[ "$1" = plinth ] && shift && exec ${process.execPath} ${path.join(ROOT, "dist/cli/main.js")} "$@"`,
    );
    command("pulumi", `case "$1" in preview) cat ${preview};; stack) cat ${STATE};; *) exit 9;; esac`);
    return { PATH: `${at("bin")}${path.delimiter}${process.env.PATH}`, STACK: "home" };
  }

  const github = () =>
    parse(readFileSync(path.join(ROOT, "docs/ci/github.yaml"), "utf8")).jobs.check.steps.flatMap(
      ({ run: command }: { run?: string }) => command ?? [],
    );
  const gitlab = () => {
    const { before_script: before, script } = parse(
      readFileSync(path.join(ROOT, "docs/ci/gitlab.yaml"), "utf8"),
    ).plinth;
    return [...before, ...script];
  };

  it.each([
    ["GitHub Actions", github, "plinth.sarif"],
    ["GitLab", gitlab, "plinth.json"],
  ] as const)("%s: passes what is sound, stops what is not, and leaves its report", async (_, commands, report) => {
    const script = commands().join("\n");
    const sound = environment(previewWith(() => undefined));
    expect((await run("bash", ["-euo", "pipefail", "-c", script], sound)).code).toBe(0);
    previewWith(demotion);
    const stopped = await run("bash", ["-euo", "pipefail", "-c", script], sound);
    expect(stopped.code).toBe(1);
    expect(stopped.stdout).toMatch(/^error +node-kept-in-place/m);
    expect(readFileSync(at(report), "utf8")).toContain("node-kept-in-place");
  });
});

test("docs/policies.md is made of the rules", () => {
  const [guide = "", list] = readFileSync(path.join(ROOT, "docs/policies.md"), "utf8").split(`${RULES_MARK}\n\n`);
  expect(list).toBe(rulesPage(rules));
  for (const file of ["ci/github.yaml", "ci/gitlab.yaml"]) expect(guide).toContain(`](${file})`);
});
