import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { stringify } from "yaml";
import { registerUpgrade } from "../../cli/commands/upgrade";
import { siteFile } from "../support/site";

const folder = mkdtempSync(path.join(tmpdir(), "plinth-upgrade-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const written = (content: unknown): string => {
  const file = path.join(folder, `${files++}.yaml`);
  writeFileSync(file, stringify(content));
  return file;
};
const site = (talos: string, kubernetes: string, configContract = "v1.12"): string => {
  const declared = siteFile();
  return written({
    config: {
      "plinth:site": {
        ...declared,
        talos: { ...declared.talos, version: talos, configContract },
        kubernetes: { ...declared.kubernetes, version: kubernetes },
      },
    },
  });
};

/** What the command prints, or the message it ends with. */
async function upgrade(...args: string[]): Promise<string> {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  registerUpgrade(program);
  const out: string[] = [];
  const write = jest.spyOn(process.stdout, "write").mockImplementation((text) => out.push(String(text)) > 0);
  try {
    await program.parseAsync(["node", "plinth", "upgrade", ...args]);
    return out.join("");
  } catch (error) {
    return (error as Error).message;
  } finally {
    write.mockRestore();
  }
}

const NODES = "cp-1, cp-2, cp-3, worker-1, worker-2";

describe("plinth upgrade plan", () => {
  test("lists the steps, both axes interleaved, the latest patch before the next minor", async () => {
    const file = site("v1.14.1", "v1.36.3");
    expect(await upgrade("plan", file, "--from", "talos=v1.12.0,kubernetes=v1.35.4")).toBe(
      [
        "lab: 4 steps from Talos v1.12.0, Kubernetes v1.35.4, contract v1.12",
        `  1. Talos v1.12.0 → v1.12.11 on ${NODES}`,
        `  2. Talos v1.12.11 → v1.13.10 on ${NODES}`,
        "  3. Kubernetes v1.35.4 → v1.36.3",
        `  4. Talos v1.13.10 → v1.14.1 on ${NODES} (changes etcd's data format: no way back but a snapshot)`,
        "",
      ].join("\n"),
    );
  });

  test("reads what runs from a state, node by node", async () => {
    const running = (talos: string) => ({
      talos,
      kubernetes: "v1.36.3",
      pushed: "",
      confirmed: "",
      running: "",
      drift: [],
    });
    const state = path.join(folder, "state.json");
    const resources = [
      { urn: "a", type: "plinth:talos:TalosCluster", inputs: { configContract: "v1.12" } },
      {
        urn: "b",
        type: "plinth:talos:ClusterRelease",
        inputs: { clusterName: "lab" },
        outputs: { running: { "cp-1": running("v1.13.10"), "worker-1": running("v1.13.0") } },
      },
    ];
    writeFileSync(state, JSON.stringify({ version: 3, deployment: { resources } }));
    expect(await upgrade("plan", site("v1.13.10", "v1.36.3"), "--state", state)).toContain(
      "lab: 1 step from Talos v1.13.0 and v1.13.10, Kubernetes v1.36.3, contract v1.12\n  1. Talos v1.13.0 → v1.13.10 on worker-1\n",
    );
    writeFileSync(state, JSON.stringify({ version: 3, deployment: { resources: [] } }));
    expect(await upgrade("plan", site("v1.13.10", "v1.36.3"), "--state", state)).toMatch(
      /no running cluster lab \(give the/,
    );
    writeFileSync(state, "{");
    expect(await upgrade("plan", site("v1.13.10", "v1.36.3"), "--state", state)).toMatch(
      /is not JSON \(give the output/,
    );
  });

  test("says when there is nothing to do", async () => {
    expect(await upgrade("plan", site("v1.13.0", "v1.36.3"), "--from", "talos=1.13.0")).toBe(
      "lab: nothing to do, it runs what the file asks for\n",
    );
  });

  test("proves that there is no way: which rule blocks, between which versions", async () => {
    const proof = await upgrade("plan", site("v1.13.0", "v1.35.4"), "--from", "talos=v1.14.1,kubernetes=v1.36.3");
    expect(proof).toMatch(/^lab: there is no way \(no step is legal\)\n/);
    expect(proof).toMatch(
      /no way from Talos v1.14.1 to v1.13.0: going back to an older Talos needs permission \(.*permit/,
    );
    expect(proof).toMatch(/no way from Kubernetes v1.36.3 to v1.35.4: Kubernetes has no way back over a minor/);
  });

  test("a downgrade that is permitted is a way", async () => {
    const file = site("v1.13.0", "v1.36.3");
    expect(await upgrade("plan", file, "--from", "talos=v1.13.9")).toMatch(/needs permission/);
    expect(await upgrade("plan", file, "--from", "talos=v1.13.9", "--allow-downgrade")).toMatch(
      /1\. Talos v1.13.9 → v1.13.0/,
    );
  });

  test.each([
    [[], /^What runs now is not known:\n {2}- --from: neither --state nor --from is given \(give one/],
    [
      ["--from", "talos=1.13,cni=x,contract=v9"],
      /cni: is no axis.*\n.*talos: "1.13" is not a full version.*\n.*contract: "v9"/,
    ],
    [["--from", "talos=v1.99.0"], /plinth has no data for Talos v1.99.0 \(use versions plinth knows/],
  ])("refuses %j with the way out", async (args, message) => {
    expect(await upgrade("plan", site("v1.13.0", "v1.36.3"), ...args)).toMatch(message);
  });
});

describe("plinth upgrade rollback", () => {
  const args = ["--from", "talos=v1.13.10,kubernetes=v1.36.1"];

  test("gives each step its way back, newest first, and refuses over a change of etcd's format", async () => {
    const text = await upgrade("rollback", site("v1.14.1", "v1.36.3"), ...args);
    expect(text).toMatch(
      /^lab: the way back from Talos v1.14.1, Kubernetes v1.36.3, contract v1.12, newest step first\n {2}2\. Talos/,
    );
    expect(text).toMatch(
      /2\. Talos v1.13.10 → v1.14.1 .*\n {5}etcd-downgrade, by a person: etcd's data format went from 3.6 to 3.7/,
    );
    expect(text).toMatch(
      /1\. Kubernetes v1.36.1 → v1.36.3\n {5}kubernetes-patch: v1.36.1 is a patch of the same minor/,
    );
  });

  test("of steps that were made, as the record of the updates names them, with their snapshots", async () => {
    const running = { talos: "v1.14.1", kubernetes: "v1.36.3", pushed: "", confirmed: "", running: "", drift: [] };
    const keys = ["cp-1", "cp-2", "cp-3", "worker-1", "worker-2"];
    const made = { nodes: keys, etcdFormat: false, at: "2026-11-21T00:00:00Z" };
    const upgrades = [
      { ...made, axis: "talos", from: "v1.12.11", to: "v1.13.10", snapshot: "s-1" },
      { ...made, axis: "kubernetes", from: "v1.35.4", to: "v1.36.3", snapshot: "s-2" },
      { ...made, axis: "talos", from: "v1.13.10", to: "v1.14.1", etcdFormat: true },
    ];
    const resources = [
      { urn: "a", type: "plinth:talos:TalosCluster", inputs: { configContract: "v1.12" } },
      {
        urn: "b",
        type: "plinth:talos:ClusterRelease",
        inputs: { clusterName: "lab" },
        outputs: { running: Object.fromEntries(keys.map((key) => [key, running])), upgrades },
      },
    ];
    const state = path.join(folder, "made.json");
    writeFileSync(state, JSON.stringify({ version: 3, deployment: { resources } }));
    const text = await upgrade("rollback", site("v1.14.1", "v1.36.3"), "--state", state);
    expect(text).toMatch(/3\. Talos v1.13.10 → v1.14.1 .*\n {5}etcd-downgrade, by a person: etcd's data format went/);
    expect(text).toMatch(/2\. Kubernetes v1.35.4 → v1.36.3\n {5}restore, by a person: .*the snapshot s-2 brings/);
    expect(text).toMatch(/1\. Talos v1.12.11 → v1.13.10 .*\n {5}restore, by a person: .*the snapshot s-1 brings/);
  });

  test("a step over a Kubernetes minor comes back by a snapshot only", async () => {
    const file = site("v1.13.0", "v1.36.3");
    const from = ["--from", "kubernetes=v1.35.4"];
    expect(await upgrade("rollback", file, ...from)).toMatch(/none: .*no snapshot was taken before it/);
    expect(await upgrade("rollback", file, ...from, "--snapshot", "s-1")).toMatch(
      /restore, by a person: .*the snapshot s-1/,
    );
  });
});
