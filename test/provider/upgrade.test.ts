/** The executor of upgrades on a cluster in memory: its order, its gates, its stops, and that nothing is done twice. */
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { SECRET } from "./cluster";
import { listen } from "./context";
import { renewed } from "./release";
import { OTHER_SCHEMATIC, Trial, versioned } from "./rolling";
import type { MachineFault } from "./upgrades";

const OLD = { talos: "v1.13.0", kubernetes: "v1.36.3" };
const PATCH = { talos: "v1.13.10", kubernetes: "v1.36.3" };

const patch = async () => {
  const trial = await Trial.of(versioned(OLD));
  return { trial, wanted: versioned(PATCH) };
};

describe("an upgrade", () => {
  test("installs on all, reboots control planes one at a time with the leader last, then workers", async () => {
    const { trial, wanted } = await patch();
    expect(await trial.up(wanted)).toEqual([]);
    expect(trial.acts).toEqual([
      ...["cp-1", "cp-2", "cp-3", "w-1", "w-2"].map((key) => `install ${key} v1.13.10`),
      ...["cp-2", "cp-3", "cp-1", "w-1", "w-2"].map((key) => `boot ${key} v1.13.10`),
    ]);
    const steps = ["gate", "drain", "gate", "forfeit", "reboot", "verify", "uncordon", "record", "gate"];
    expect(trial.journal.filter((line) => line.startsWith("cp-1 "))).toEqual(
      ["install", ...steps, "adopt"].map((step) => `cp-1 ${step} done`),
    );
    expect(trial.cluster.upgrades.taken).toEqual(["snapshot-1"]);
    expect(trial.cluster.upgrades.violations).toEqual([]);
    expect(trial.state.outputs).toMatchObject({
      phase: "converged",
      rolledOut: "v1.36.3",
      upgrades: [
        {
          axis: "talos",
          from: "v1.13.0",
          to: "v1.13.10",
          etcdFormat: false,
          snapshot: "snapshot-1",
          nodes: Object.keys(wanted.nodes),
        },
      ],
    });
    for (const node of trial.cluster.nodes.values()) {
      expect(node).toMatchObject({ talos: "v1.13.10", boots: 2, unschedulable: false, mark: undefined });
      expect(node.configuration).toContain(":v1.13.10");
    }
    const before = trial.acts.length;
    expect(await trial.up(wanted)).toEqual([]);
    expect(trial.acts.length).toBe(before);
  });

  test("goes both axes in the order of the plan, and Kubernetes only by its own upgrade", async () => {
    const from = { talos: "v1.12.11", kubernetes: "v1.35.10" };
    const to = { talos: "v1.14.1", kubernetes: "v1.37.2" };
    const trial = await Trial.of(versioned(from));
    expect(await trial.up(versioned(to))).toEqual([]);
    const { acts, violations, taken } = trial.cluster.upgrades;
    const versions = [...new Set(acts.map((act) => act.replace(/^(install|boot) \S+/, "talos")))];
    expect(versions).toEqual(["talos v1.13.10", "kubernetes v1.36.6", "talos v1.14.1", "kubernetes v1.37.2"]);
    expect(violations).toEqual([]);
    expect(taken).toHaveLength(4);
    expect(trial.state.outputs.upgrades.map(({ axis, to: end, etcdFormat }) => `${axis} ${end} ${etcdFormat}`)).toEqual(
      ["talos v1.13.10 false", "kubernetes v1.36.6 false", "talos v1.14.1 true", "kubernetes v1.37.2 false"],
    );
    // Talos 1.12 installs and reboots in one call: each machine gets its image only when its turn has come.
    expect(acts.slice(0, 4)).toEqual([
      "install cp-2 v1.13.10",
      "boot cp-2 v1.13.10",
      "install cp-3 v1.13.10",
      "boot cp-3 v1.13.10",
    ]);
    for (const node of trial.cluster.nodes.values())
      expect(node).toMatchObject({ talos: "v1.14.1", kubelet: "v1.37.2", boots: 3 });
  });

  test("changes an image whose schematic is another", async () => {
    const trial = await Trial.of(versioned(OLD));
    const wanted = versioned({ ...OLD, schematic: OTHER_SCHEMATIC });
    expect((await trial.preview(wanted)).lines).toContain(
      "step 1 of 1: another image of Talos v1.13.0 on cp-1, cp-2, cp-3, w-1, w-2",
    );
    expect(await trial.up(wanted)).toEqual([]);
    for (const node of trial.cluster.nodes.values())
      expect(node).toMatchObject({ schematic: OTHER_SCHEMATIC, boots: 2 });
  });

  test("reboots workers of one failure domain together, as many as the site allows, never of two", async () => {
    const rack = (inputs: ReturnType<typeof versioned>) => ({
      ...inputs,
      nodes: Object.fromEntries(
        Object.entries(inputs.nodes).map(([key, node]) => [
          key,
          { ...node, ...(node.type === "worker" && { failureDomain: "a" }) },
        ]),
      ),
    });
    const trial = await Trial.of(rack(versioned(OLD)));
    const heard = listen();
    expect(await trial.up(rack(versioned(PATCH, { upgrade: { workersAtOnce: 2 } })), heard)).toEqual([]);
    const boots = trial.state.outputs.journal.filter(({ action }) => action === "reboot" || action === "uncordon");
    expect(boots.slice(-4).map(({ action }) => action)).toEqual(["reboot", "reboot", "uncordon", "uncordon"]);
  });

  test("reboots workers beside control planes only where the site says so, and then control planes one at a time", async () => {
    for (const together of [false, true]) {
      const { trial } = await patch();
      const { upgrades } = trial.cluster;
      expect(await trial.up(versioned(PATCH, { upgrade: { together } }))).toEqual([]);
      const mixed = "a control plane and a worker reboot at the same time";
      expect([together, upgrades.violations.every((each) => each === mixed)]).toEqual([together, true]);
      expect([together, upgrades.violations.length > 0]).toEqual([together, together]);
      const boots = trial.acts.filter((act) => act.startsWith("boot ")).map((act) => act.split(" ")[1] ?? "");
      const of = (kind: string) => boots.filter((key) => key.startsWith(kind));
      expect([of("cp"), of("w")]).toEqual([
        ["cp-2", "cp-3", "cp-1"],
        ["w-1", "w-2"],
      ]);
    }
  });

  test("beside each other, a node that fails lets the others at work end and begins no other", async () => {
    const { trial } = await patch();
    const { upgrades } = trial.cluster;
    upgrades.faults.set("w-1", "no-reboot");
    const failures = (await trial.up(versioned(PATCH, { upgrade: { together: true } }))).join();
    expect(failures).toMatch(/w-1: installed-not-rebooted: .*not done: .*w-2/);
    expect(trial.acts).not.toContain("boot w-2 v1.13.10");
    upgrades.faults.clear();
    expect(await trial.up(versioned(PATCH, { upgrade: { together: true } }))).toEqual([]);
    for (const node of trial.cluster.nodes.values()) expect(node).toMatchObject({ talos: "v1.13.10", boots: 2 });
  });

  test("of a single node drains nothing, warns at preview, and works", async () => {
    const trial = await Trial.of(versioned(OLD, { planes: 1, workers: 0 }));
    const wanted = versioned(PATCH, { planes: 1, workers: 0 });
    expect((await trial.preview(wanted)).lines.join()).toMatch(
      /cp-1 is the only control plane: .* only the snapshot is left/,
    );
    expect(await trial.up(wanted)).toEqual([]);
    expect(trial.acts).toEqual(["install cp-1 v1.13.10", "boot cp-1 v1.13.10"]);
  });

  test("evicts pods, and leaves a cordon alone that somebody else has set", async () => {
    const { trial, wanted } = await patch();
    const { cluster } = trial;
    cluster.upgrades.pods.set("w-1", [{ namespace: "shop", name: "cart", uid: "1" }]);
    cluster.byKey("w-2").unschedulable = true;
    expect(await trial.up(wanted)).toEqual([]);
    expect(cluster.upgrades.pods.get("w-1")).toEqual([]);
    expect(cluster.byKey("w-1").unschedulable).toBe(false);
    expect(cluster.byKey("w-2").unschedulable).toBe(true);
  });

  test("waits while a machine that just booted refuses every call", async () => {
    const { trial, wanted } = await patch();
    trial.cluster.upgrades.denied = 12;
    expect(await trial.up(wanted)).toEqual([]);
    expect(trial.acts).toHaveLength(10);
  });

  test("finishes Kubernetes' upgrade that a killed run left between the kubelets and the manifests", async () => {
    const trial = await Trial.of(versioned(OLD));
    const wanted = versioned({ ...OLD, kubernetes: "v1.36.6" });
    for (const node of trial.cluster.nodes.values()) {
      node.kubelet = "v1.36.6";
      node.configuration = node.configuration?.replace("v1.36.3", "v1.36.6");
    }
    expect(await trial.up(wanted)).toEqual([]);
    expect(trial.acts).toEqual(["kubernetes v1.36.6"]);
    expect(trial.state.outputs.rolledOut).toBe("v1.36.6");
  });

  test("stops between two steps when it is cancelled, and the next run goes on", async () => {
    const { trial, wanted } = await patch();
    const heard = listen([SECRET], ({ detail }) => {
      if (/boots Talos/.test(detail)) heard.abort();
    });
    expect((await trial.up(wanted, heard)).join()).toMatch(/cp-2: the update was cancelled/);
    expect(trial.acts.filter((act) => act.startsWith("boot"))).toEqual(["boot cp-2 v1.13.10"]);
    expect([...trial.cluster.nodes.values()].map(({ unschedulable }) => unschedulable)).toEqual(Array(5).fill(false));
    expect(await trial.up(wanted)).toEqual([]);
    expect(trial.acts).toHaveLength(10);
  });
});

describe("is refused before anything is touched", () => {
  const quiet = (trial: Trial) => {
    expect(trial.acts).toEqual([]);
    expect(trial.cluster.upgrades.taken).toEqual([]);
    expect(trial.cluster.applied).toEqual([]);
  };

  test.each([
    [
      "an older Talos without permission",
      { ...OLD, talos: "v1.12.11" },
      /Talos v1.13.0 to v1.12.11: .*needs permission/,
    ],
    ["a Talos that does not exist", { ...OLD, talos: "v1.13.77" }, /v1.13.77 is not known/],
    ["a Talos minor without data", { ...OLD, talos: "v1.99.0" }, /v1.99.0 is of a minor plinth has no data for/],
    [
      "a Kubernetes that Talos does not run",
      { ...OLD, kubernetes: "v1.37.2" },
      /Talos v1.13.0 runs Kubernetes 1.31 to 1.36/,
    ],
    ["an older Kubernetes minor", { ...OLD, kubernetes: "v1.35.10" }, /Kubernetes has no way back over a minor/],
  ])("%s", async (_, to, message) => {
    const trial = await Trial.of(versioned(OLD));
    expect((await trial.preview(versioned(to))).refusal).toMatch(message);
    expect((await trial.up(versioned(to))).join()).toMatch(message);
    quiet(trial);
  });

  test("no store for snapshots", async () => {
    const { trial, wanted } = await patch();
    const { backup: _, ...without } = wanted;
    const message = /backup: versions change only behind a snapshot of etcd.* \(declare backup: a store outside/;
    expect((await trial.preview(without)).refusal).toMatch(message);
    expect((await trial.up(without)).join()).toMatch(message);
    quiet(trial);
  });

  test("a store that is full", async () => {
    const { trial, wanted } = await patch();
    trial.cluster.upgrades.storeProblems = [{ path: "backup.store.path", reason: "has no room", fix: "make some" }];
    expect((await trial.up(wanted)).join()).toMatch(/backup.store.path: has no room \(make some\)/);
    quiet(trial);
  });

  test("a snapshot that fails", async () => {
    const { trial, wanted } = await patch();
    trial.cluster.upgrades.snapshotFails = new Error("etcdutl: the hash is wrong");
    expect((await trial.up(wanted)).join()).toMatch(
      /^step 1 of 1, .*: etcdutl: the hash is wrong; run the update again/,
    );
    quiet(trial);
  });

  test("a machine that joins while the versions of the others change", async () => {
    const trial = await Trial.of(versioned(OLD, { workers: 1 }));
    const { refusal } = await trial.preview(versioned(PATCH));
    expect(refusal).toMatch(
      /nodes\["w-2"\]: it would join while the versions of the others change \(add it in an update/,
    );
  });

  test("a machine that takes another's place while Kubernetes changes, or from more than a minor away", async () => {
    const trial = await Trial.of(versioned({ talos: "v1.12.11", kubernetes: "v1.35.10" }));
    const another = async (to: { talos: string; kubernetes: string }) =>
      (await trial.preview(renewed(versioned(to), "cp-2"))).refusal;
    const message =
      /nodes\["cp-2"\]: it would join while .* \(declare Talos v1.12.11 with Kubernetes v1.35.10 until it has joined\)/;
    expect(await another({ talos: "v1.13.10", kubernetes: "v1.36.6" })).toMatch(message);
    expect(await another({ talos: "v1.14.1", kubernetes: "v1.35.10" })).toMatch(message);
    expect(await another({ talos: "v1.13.10", kubernetes: "v1.35.10" })).toBe("");
    expect(await another({ talos: "v1.12.11", kubernetes: "v1.35.10" })).toBe("");
  });

  test("Nodes of several Kubernetes versions", async () => {
    const { trial, wanted } = await patch();
    const w1 = wanted.nodes["w-1"];
    if (w1 === undefined) throw new Error("no w-1");
    const mixed = { ...wanted, nodes: { ...wanted.nodes, "w-1": { ...w1, kubernetes: "v1.36.6" } } };
    const problems = await clusterRelease(trial.cluster.drivers).check(mixed, listen().context);
    expect(problems.map(({ reason }) => reason).join()).toMatch(/several Kubernetes versions/);
  });

  test("a ghost in etcd, an alarm", async () => {
    for (const harm of [{ ghost: true }, { alarm: "NOSPACE" }]) {
      const { trial, wanted } = await patch();
      Object.assign(trial.cluster, harm);
      expect((await trial.up(wanted)).join()).toMatch(/ghost is a member but no declared|alarm NOSPACE/);
      quiet(trial);
    }
  });

  test("versions that differ where nobody knew of it: they are noted first, and shown at the next preview", async () => {
    const trial = await Trial.of(versioned(OLD));
    const wanted = versioned({ talos: "v1.13.10", kubernetes: "v1.36.6" });
    const first = await clusterRelease(trial.cluster.drivers).create(wanted, listen().context);
    expect(first.failures?.join()).toMatch(
      /nodes\["cp-1"\]: Talos v1.13.0 with Kubernetes v1.36.3 runs and .* run the update again/,
    );
    quiet(trial);
    trial.state = { inputs: wanted, outputs: first.outputs };
    expect((await trial.preview(wanted)).lines.join()).toMatch(/step 1 of 2: Talos v1.13.0 → v1.13.10/);
    expect(await trial.up(wanted)).toEqual([]);
  });
});

describe("halts with a name for what happened", () => {
  const FAULTS: readonly (readonly [MachineFault, RegExp])[] = [
    ["boot-failure", /reverted: it booted and came back with Talos v1.13.0 from its old slot.*\(read why/],
    ["no-reboot", /installed-not-rebooted: Talos v1.13.10 lies in its other slot.*\(reboot it/],
    ["lost-configuration", /lost-configuration: it came up in maintenance mode/],
    ["off", /no-answer: it does not answer: connection refused \(look at its console, or power it on\)/],
    ["wrong-image", /wrong-image: it runs Talos v1.13.7, neither v1.13.0 nor v1.13.10/],
    ["wrong-schematic", /wrong-schematic: it runs Talos v1.13.10 made from schematic 0000/],
    ["not-ready", /not-ready: Node \S+ is not Ready/],
    ["service-down", /service-down: its service ext-iscsid is Waiting/],
    ["disk-full", /no space left on device/],
    ["foreign", /foreign-certificate: another machine answers at its address/],
  ];
  const on = { upgrade: { services: ["ext-iscsid"] } };

  test.each([
    ...FAULTS.flatMap(([fault, message]) => (["cp-2", "w-1"] as const).map((key) => [fault, key, message] as const)),
    ["etcd-down", "cp-2", /etcd-down: its etcd member is not up/] as const,
    ["member-replaced", "cp-2", /member-replaced: its etcd member is 100012\d+ and was 100012/] as const,
  ])("%s on %s", async (fault, key, message) => {
    const trial = await Trial.of(versioned(OLD, on));
    const { upgrades } = trial.cluster;
    upgrades.faults.set(key, fault);
    const failures = (await trial.up(versioned(PATCH, on))).join();
    expect(failures).toMatch(message);
    expect(failures).toMatch(new RegExp(`^step 1 of 1, Talos v1.13.0 → v1.13.10 .*: ${key}: `));
    expect(failures).toMatch(/; (done: |no other node was rebooted).*; not done: .*; run the update again to go on$/);
    expect(failures).not.toContain(SECRET);
    expect(upgrades.violations).toEqual([]);
    // Nobody after the one that failed was touched.
    const rebooted = trial.acts.filter((act) => act.startsWith("boot ")).map((act) => act.split(" ")[1]);
    const order = ["cp-2", "cp-3", "cp-1", "w-1", "w-2"];
    expect(order.slice(0, rebooted.length)).toEqual(rebooted);
    expect(order.indexOf(key)).toBeGreaterThanOrEqual(rebooted.length - 1);
    const cordoned = [...trial.cluster.nodes.values()].filter(({ unschedulable }) => unschedulable);
    expect(cordoned).toEqual([]);
    expect(trial.state.outputs.phase).toBe("partial");
  });

  test.each(["boot-failure", "no-reboot", "disk-full"] as const)("and goes on after %s is mended", async (fault) => {
    const { trial, wanted } = await patch();
    const { upgrades } = trial.cluster;
    upgrades.faults.set("cp-3", fault);
    await trial.up(wanted);
    upgrades.faults.clear();
    expect(await trial.up(wanted)).toEqual([]);
    const of = (kind: string, key: string) => trial.acts.filter((act) => act.startsWith(`${kind} ${key} `)).length;
    expect(of("boot", "cp-2")).toBe(1);
    expect(of("install", "cp-2")).toBe(1);
    expect(of("install", "cp-3")).toBe(fault === "boot-failure" ? 2 : 1);
    expect(upgrades.taken).toHaveLength(2);
    expect(upgrades.violations).toEqual([]);
  });

  test.each(["cp-2", "w-1"])(
    "and goes on with another machine in the place of %s, which came up without its disk",
    async (key) => {
      const { trial, wanted } = await patch();
      const { cluster } = trial;
      cluster.upgrades.faults.set(key, "lost-configuration");
      expect((await trial.up(wanted)).join()).toMatch(/lost-configuration: it came up/);
      cluster.upgrades.faults.clear();
      cluster.replace(key);
      const again = renewed(wanted, key);
      expect((await trial.preview(again)).refusal).toBe("");
      expect(await trial.up(again)).toEqual([]);
      expect(cluster.installed).toEqual([key]);
      expect(cluster.quorumLost).toBe(false);
      for (const node of cluster.nodes.values()) expect(node.talos).toBe("v1.13.10");
      for (const node of cluster.nodes.values()) if (node.key !== key) expect(node.boots).toBe(2);
      expect(cluster.members.map((node) => node.key)).toEqual(["cp-1", "cp-2", "cp-3"]);
    },
  );

  test("on a disruption budget that holds a pod, and touches the node no further", async () => {
    const { trial, wanted } = await patch();
    const { upgrades } = trial.cluster;
    upgrades.pods.set("w-1", [{ namespace: "shop", name: "cart", uid: "1" }]);
    upgrades.held.add("1");
    expect((await trial.up(wanted)).join()).toMatch(
      /w-1: drain-blocked: its pods do not go within 1 s: shop\/cart \(a disruption budget holds it\) \(give their budget room/,
    );
    expect(trial.cluster.byKey("w-1")).toMatchObject({ boots: 1, unschedulable: false });
    upgrades.held.clear();
    expect(await trial.up(wanted)).toEqual([]);
  });

  test("when Kubernetes' upgrade stops half-way, says who runs what, and finishes it next time", async () => {
    const trial = await Trial.of(versioned(OLD));
    const wanted = versioned({ ...OLD, kubernetes: "v1.36.6" });
    trial.cluster.upgrades.kubernetesStopsAfter = 2;
    expect((await trial.up(wanted)).join()).toMatch(
      /timed out waiting for kubelet; kubelets: cp-1 v1.36.6, cp-2 v1.36.6, cp-3 v1.36.3/,
    );
    trial.cluster.upgrades.kubernetesStopsAfter = undefined;
    expect(await trial.up(wanted)).toEqual([]);
    expect(trial.cluster.upgrades.violations).toEqual([]);
  });
});
