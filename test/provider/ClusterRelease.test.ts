import type { ClusterReleaseInputs } from "../../components/talos/ClusterRelease";
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { type FakeCluster, merge, SECRET } from "./cluster";
import { conformance } from "./conformance";
import { listen } from "./context";
import { FAULTS } from "./faults";
import { controlplane, labels, machines, node, renewed, site, worker } from "./release";

const inputs = site();
const changed = site(labels("a"));
/** Enough of a site to fail in every way: each driver call is made to fail once. */
const small = ({ nodes: { "w-2": _, ...nodes }, ...rest }: ClusterReleaseInputs) => ({ ...rest, nodes });
/** The same with a machine that has taken another's place: nothing may forget that. */
const replaced = (declared: ClusterReleaseInputs) => renewed(small(declared), "w-1");

conformance("ClusterRelease", {
  make() {
    const cluster = machines(replaced(inputs));
    return {
      resource: clusterRelease(cluster.drivers),
      recorder: cluster.recorder,
      snapshot: () => cluster.snapshot(),
    };
  },
  inputs: replaced(inputs),
  changed: replaced(changed),
  bad: {
    inputs: {
      ...inputs,
      configuration: { controlplane },
      nodes: {
        "cp-1": node("cp-1", 11, "controlplane"),
        "cp-2": node("cp-2", 11, "controlplane"),
        "w-1": { ...node("cp-1", 21, "worker"), patches: ["a: [", "b: 1"], talos: "latest", zone: "a" },
      },
    },
    paths: [
      "nodes",
      'nodes["cp-2"].address',
      'nodes["w-1"].hostname',
      "configuration.worker",
      'nodes["w-1"].patches[0]',
      'nodes["w-1"].talos',
      'nodes["w-1"].zone',
    ],
  },
  secrets: [SECRET],
  privileged: ["apply", "reset"],
});

describe("ClusterRelease", () => {
  const start = async () => {
    const cluster = machines(inputs);
    const resource = clusterRelease(cluster.drivers);
    const reached = await resource.create(inputs, listen().context);
    return { cluster, resource, state: { inputs, outputs: reached.outputs } };
  };
  const journal = (outputs: { journal: readonly { node: string; action: string; result: string }[] }) =>
    outputs.journal.map(({ node: name, action, result }) => `${name} ${action} ${result}`);

  test("adopts machines that already run what is declared, and pushes nothing", async () => {
    const { cluster, state } = await start();
    expect(cluster.applied).toEqual([]);
    expect(state.outputs.phase).toBe("converged");
    expect(Object.keys(state.outputs.running)).toEqual(["cp-1", "cp-2", "cp-3", "w-1", "w-2"]);
    expect(state.outputs.running["w-1"]).toMatchObject({ talos: "v1.13.0", kubernetes: "v1.36.3", drift: [] });
  });

  test("changes control planes one by one behind gates, etcd's leader last, then workers", async () => {
    const { cluster, resource, state } = await start();
    const reached = await resource.update("demo", state, changed, listen().context);
    expect(reached.failures).toBeUndefined();
    expect(cluster.applied).toEqual(["cp-2", "cp-3", "cp-1", "w-1", "w-2"]);
    expect(journal(reached.outputs).slice(0, 4)).toEqual([
      "cp-2 gate done",
      "cp-2 apply done",
      "cp-2 verify done",
      "cp-2 gate done",
    ]);
    expect(cluster.events).toContain("configure demo/cp-2");
  });

  test("touches only the node whose inputs changed", async () => {
    const { cluster, resource, state } = await start();
    const one = { ...inputs, nodes: { ...inputs.nodes, "w-2": node("w-2", 22, "worker", labels("b")) } };
    cluster.recorder.calls.length = 0;
    await resource.update("demo", state, one, listen().context);
    expect(cluster.applied).toEqual(["w-2"]);
    const elsewhere = cluster.recorder.calls.filter(
      ({ args }) => /^10\./.test(String(args[0])) && args[0] !== "10.0.0.22",
    );
    expect([...new Set(elsewhere.map(({ name }) => name))].sort()).toEqual(["etcdAlarms", "etcdMembers", "etcdStatus"]);
  });

  test("waits for the reboot that a change needs", async () => {
    const { cluster, resource, state } = await start();
    const one = {
      ...inputs,
      nodes: { ...inputs.nodes, "w-2": node("w-2", 22, "worker", { machine: { sysctls: { "vm.x": "1" } } }) },
    };
    const heard = listen();
    const reached = await resource.update("demo", state, one, heard.context);
    expect(cluster.byKey("w-2").boots).toBe(2);
    expect(heard.lines).toContain("w-2 Ready: its kubelet has not reported since the reboot");
    expect(reached.outputs.journal.at(-1)?.detail).toBe("rebooted, configured and Ready");
  });

  describe("a change that reboots control planes", () => {
    const rebooting = (): ClusterReleaseInputs => {
      const nodes = Object.entries(small(inputs).nodes).map(([key, each]) => [
        key,
        each.type === "worker"
          ? each
          : { ...each, patches: [...each.patches, JSON.stringify({ machine: { udev: { rules: ["a"] } } })] },
      ]);
      return { ...small(inputs), nodes: Object.fromEntries(nodes), allow: ["machine.udev"] };
    };
    const begin = async () => {
      const cluster = machines(small(inputs));
      cluster.rebootsFor = "udev";
      const resource = clusterRelease(cluster.drivers);
      const { outputs } = await resource.create(small(inputs), listen().context);
      const heard = listen([SECRET]);
      cluster.recorder.onAbort = heard.abort;
      return { cluster, resource, state: { inputs: small(inputs), outputs }, heard };
    };
    const boots = (cluster: FakeCluster) => ["cp-1", "cp-2", "cp-3", "w-1"].map((key) => cluster.byKey(key).boots);

    test("goes to etcd's leader last, which hands its leadership on first, on record", async () => {
      const { cluster, resource, state, heard } = await begin();
      const reached = await resource.update("demo", state, rebooting(), heard.context);
      expect(reached.failures).toBeUndefined();
      expect(journal(reached.outputs)).toEqual([
        ...["cp-2", "cp-3"].flatMap((key) => ["gate", "apply", "verify", "gate"].map((step) => `${key} ${step} done`)),
        ...["gate", "forfeit", "apply", "verify", "gate"].map((step) => `cp-1 ${step} done`),
      ]);
      expect(heard.acts.map(({ target, detail }) => `${target} ${detail}`)).toContain(
        "demo/cp-1 hands on etcd's leadership before it reboots",
      );
      expect(cluster.byKey("cp-1").leader).toBe(false);
      expect(boots(cluster)).toEqual([2, 2, 2, 1]);
    });

    test("stops at a node that comes back on its other slot, and names it", async () => {
      const { cluster, resource, state, heard } = await begin();
      cluster.otherSlot.set("cp-2", "v1.12.11");
      const reached = await resource.update("demo", state, rebooting(), heard.context);
      expect(reached.failures?.join()).toMatch(
        /^cp-2: it came back with Talos v1.12.11, before the reboot it ran v1.13.0: it booted its other slot; .* install Talos v1.13.0 on it; nothing else was changed; not done: cp-3, cp-1; run/,
      );
      expect(boots(cluster)).toEqual([1, 2, 1, 1]);
    });

    test("does not reboot a leader that keeps its leadership", async () => {
      const { cluster, resource, state, heard } = await begin();
      cluster.clings = true;
      const reached = await resource.update("demo", state, rebooting(), heard.context);
      expect(reached.failures?.join()).toMatch(
        /^cp-1: another etcd leader than cp-1: not within 1 s; last seen: it still leads; done: cp-2, cp-3; run the update/,
      );
      expect(boots(cluster)).toEqual([1, 2, 2, 1]);
    });

    test.each(FAULTS)(
      "%s at every call: the next run finishes, and no node reboots twice",
      async (kind) => {
        const clean = await begin();
        const from = clean.cluster.recorder.calls.length;
        await clean.resource.update("demo", clean.state, rebooting(), clean.heard.context);
        for (let at = from; at < clean.cluster.recorder.calls.length; at++) {
          const { cluster, resource, state, heard } = await begin();
          cluster.recorder.fault = { at, kind };
          const first = await resource.update("demo", state, rebooting(), heard.context).catch(() => undefined);
          cluster.recorder.fault = undefined;
          const prior = first === undefined ? state : { inputs: rebooting(), outputs: first.outputs };
          const second = await resource.update("demo", prior, rebooting(), listen().context);
          expect([at, second.failures ?? [], second.outputs.phase]).toEqual([at, [], "converged"]);
          expect([at, boots(cluster)]).toEqual([at, [2, 2, 2, 1]]);
        }
      },
      180_000,
    );
  });

  test("stops at the first node that fails, keeps the rest, and the next update goes on", async () => {
    const { cluster, resource, state } = await start();
    cluster.byKey("cp-3").kubelet = "v1.35.0";
    const first = await resource.update("demo", state, changed, listen().context);
    expect(first.failures?.join()).toMatch(
      /^cp-3: cp-3 Ready: not within 1 s; last seen: its kubelet is v1.35.0, not v1.36.3; done: cp-2; not done: cp-1, w-1, w-2; run the update again/,
    );
    expect(cluster.applied).toEqual(["cp-2", "cp-3"]);
    expect(first.outputs.phase).toBe("partial");
    cluster.byKey("cp-3").kubelet = "v1.36.3";
    const second = await resource.update(
      "demo",
      { inputs: changed, outputs: first.outputs },
      changed,
      listen().context,
    );
    expect(second.failures).toBeUndefined();
    expect(cluster.applied).toEqual(["cp-2", "cp-3", "cp-1", "w-1", "w-2"]);
    expect(second.outputs.phase).toBe("converged");
  });

  test("a worker that does not answer is left out: the others change, and the update fails with the way on", async () => {
    const { cluster, resource, state } = await start();
    const w1 = cluster.byKey("w-1");
    cluster.nodes.delete(w1.address);
    const first = await resource.update("demo", state, changed, listen().context);
    expect(cluster.applied).toEqual(["cp-2", "cp-3", "cp-1", "w-2"]);
    expect(first.failures).toEqual([
      "w-1 answers: not within 1 s; last seen: connection refused; w-1 was left out; bring it back, or take it out of the site file, then run the update again",
    ]);
    expect(first.outputs.phase).toBe("partial");
    expect(Object.keys(first.outputs.running)).toContain("w-1");
    cluster.nodes.set(w1.address, w1);
    const second = await resource.update(
      "demo",
      { inputs: changed, outputs: first.outputs },
      changed,
      listen().context,
    );
    expect([second.failures, second.outputs.phase]).toEqual([undefined, "converged"]);
    expect(cluster.applied.slice(4)).toEqual(["w-1"]);
  });

  test("a control plane that does not answer halts everything, and every missing node is named", async () => {
    const { cluster, resource, state } = await start();
    for (const key of ["cp-3", "w-1"]) cluster.nodes.delete(cluster.byKey(key).address);
    const reached = await resource.update("demo", state, changed, listen().context);
    expect(cluster.applied).toEqual([]);
    expect(reached.failures?.join()).toMatch(
      /cp-3 answers: not within 1 s; .*w-1 answers: .*; nothing was changed, and no node is while cp-3 is missing; bring it back, then run the update again$/,
    );
  });

  test.each([
    [
      "a ghost member",
      (cluster: FakeCluster) => Object.assign(cluster, { ghost: true }),
      /ghost is a member but no declared/,
    ],
    ["an alarm", (cluster: FakeCluster) => Object.assign(cluster, { alarm: "NOSPACE" }), /alarm NOSPACE/],
    [
      "a missing member",
      (cluster: FakeCluster) => Object.assign(cluster.byKey("cp-2"), { etcd: false }),
      /cp-2: etcd is not running/,
    ],
  ])("changes no node while etcd has %s", async (_, harm, message) => {
    const { cluster, resource, state } = await start();
    harm(cluster);
    const reached = await resource.update("demo", state, changed, listen().context);
    expect(reached.failures?.join()).toMatch(message);
    const worker = { ...inputs, nodes: { ...inputs.nodes, "w-2": node("w-2", 22, "worker", labels("b")) } };
    const alone = await resource.update("demo", state, worker, listen().context);
    expect(alone.failures?.join()).toMatch(message);
    expect(cluster.applied).toEqual([]);
  });

  test("shows drift as a change back, by path and without values, and undoes it", async () => {
    const { cluster, resource, state } = await start();
    const w1 = cluster.byKey("w-1");
    w1.configuration = JSON.stringify(
      merge(JSON.parse(w1.configuration ?? ""), { machine: { sysctls: { "vm.x": SECRET } } }),
    );
    const seen = await resource.read("demo", state, listen().context);
    if (seen === undefined) throw new Error("dropped");
    expect(seen.outputs.running["w-1"]?.drift).toEqual(['.machine.sysctls["vm.x"]']);
    expect(JSON.stringify(seen.outputs)).not.toContain(SECRET);
    const changes = await resource.diff(seen, inputs, listen().context);
    expect(changes).toContainEqual({ path: 'nodes["w-1"].patches[1]', kind: "delete" });
    const reached = await resource.update("demo", seen, inputs, listen().context);
    expect(cluster.applied).toEqual(["w-1"]);
    expect(reached.outputs.running["w-1"]?.drift).toEqual([]);
  });

  test("a wiped machine shows as a missing node, a silent one keeps its record", async () => {
    const { cluster, resource, state } = await start();
    cluster.byKey("w-1").configuration = undefined;
    cluster.nodes.delete("10.0.0.22");
    const heard = listen();
    const seen = await resource.read("demo", state, heard.context);
    expect(Object.keys(seen?.inputs.nodes ?? {})).toEqual(["cp-1", "cp-2", "cp-3", "w-2"]);
    expect(heard.lines.join()).toMatch(/kept as last seen, it does not answer: w-2/);
    const next = { ...node("w-1", 21, "worker"), generation: 2 };
    const wanted = { ...inputs, nodes: { ...inputs.nodes, "w-1": next } };
    expect(await resource.diff(seen ?? state, wanted, listen().context)).toContainEqual({
      path: 'nodes["w-1"]',
      kind: "add",
    });
  });

  test("says at preview which paths change on which nodes, and never a value", async () => {
    const { resource, state } = await start();
    const heard = listen();
    const other = { ...changed, configuration: { ...changed.configuration, worker: worker.replace(SECRET, "other") } };
    const changes = await resource.diff(state, other, heard.context);
    expect(changes.map(({ path }) => path)).toContain('nodes["cp-1"].patches[0]');
    expect(heard.lines).toEqual([
      "cp-1, cp-2, cp-3, w-1, w-2: machine.nodeLabels.rack added: in effect at once (Talos applies it while running)",
      "w-1, w-2: machine.token changed: reboots the node (read when the node boots)",
    ]);
  });

  test("refuses what cannot be done to a running cluster, all at once, with the way out", async () => {
    const { resource, state } = await start();
    const { "cp-3": _, ...rest } = inputs.nodes;
    const wanted = {
      ...inputs,
      clusterName: "other",
      onDestroy: "keep" as const,
      nodes: {
        ...rest,
        "w-2": node("w-2", 22, "worker", { cluster: { network: { podSubnets: ["10.1.0.0/16"] } } }),
        "w-1": { ...node("w-1", 31, "worker"), type: "controlplane" as const },
      },
    };
    const refusal = await Promise.resolve()
      .then(() => resource.diff(state, wanted, listen().context))
      .catch((error: Error) => error.message);
    for (const path of ['nodes["cp-3"]', 'nodes["w-1"].type', 'nodes["w-1"].address', "clusterName"]) {
      expect(refusal).toContain(`  - ${path}: `);
    }
    expect(refusal).toMatch(/podSubnets.* is fixed when a cluster is made/);
  });

  describe("shows what a change does before it is made", () => {
    const previewed = async (prior: ClusterReleaseInputs, wanted: ClusterReleaseInputs, talos = "v1.13.0") => {
      const { state, resource } = await start();
      const declared = (each: ClusterReleaseInputs): ClusterReleaseInputs => ({
        ...each,
        nodes: Object.fromEntries(
          Object.entries(each.nodes).map(([key, one]) => [key, one.talos === "v1.13.0" ? { ...one, talos } : one]),
        ),
      });
      const running = Object.fromEntries(
        Object.entries(state.outputs.running).map(([key, seen]) => [key, { ...seen, talos }]),
      );
      const heard = listen([SECRET]);
      const refusal = await Promise.resolve()
        .then(() =>
          resource.diff(
            { inputs: declared(prior), outputs: { ...state.outputs, running } },
            declared(wanted),
            heard.context,
          ),
        )
        .then(
          () => undefined,
          (error: Error) => error.message,
        );
      expect(JSON.stringify([heard.lines, refusal])).not.toContain(SECRET);
      return { lines: heard.lines, refusal };
    };
    const on = (keys: readonly string[], patch: object): ClusterReleaseInputs => {
      const nodes = Object.entries(inputs.nodes).map(([key, declared]) => [
        key,
        keys.includes(key) ? { ...declared, patches: [...declared.patches, JSON.stringify(patch)] } : declared,
      ]);
      return { ...inputs, nodes: Object.fromEntries(nodes) };
    };
    const encryption = (provider: string) => ({
      machine: {
        systemDiskEncryption: { ephemeral: { provider, keys: [{ slot: 0, static: { passphrase: SECRET } }] } },
      },
    });
    const udev = { machine: { udev: { rules: [SECRET] } } };
    const planes = ["cp-1", "cp-2", "cp-3"];

    test("data loss is refused, even on one worker, unless it is allowed by name", async () => {
      const [prior, wanted] = [on(["w-1"], encryption("luks2")), on(["w-1"], encryption("other"))];
      const { lines, refusal } = await previewed(prior, wanted);
      expect(lines).toEqual([
        "w-1: machine.systemDiskEncryption.ephemeral.provider changed: LOSES DATA (a volume that exists keeps what it was made with; the change is real only on a wiped one)",
      ]);
      expect(refusal).toMatch(
        /- nodes\["w-1"\].configuration.machine.systemDiskEncryption.ephemeral.provider: the change loses data: .* allow machine.systemDiskEncryption.ephemeral.provider by name/,
      );
      const allow = ["machine.systemDiskEncryption"];
      expect((await previewed(prior, { ...wanted, allow })).refusal).toBeUndefined();
    });

    test("a reboot of one control plane is shown, of two refused, unless it is allowed by name", async () => {
      const one = await previewed(inputs, on(["cp-1", "w-1"], udev));
      expect(one.refusal).toBeUndefined();
      expect(one.lines).toEqual(["cp-1, w-1: machine.udev.rules added: reboots the node (read when the node boots)"]);
      const all = await previewed(inputs, on(planes, udev));
      expect(all.refusal).toMatch(
        /- nodes\["cp-3"\].configuration.machine.udev.rules: the change reboots 3 control planes/,
      );
      const allowed = await previewed(inputs, { ...on(planes, udev), allow: ["machine.udev"] });
      expect(allowed.refusal).toBeUndefined();
      expect(allowed.lines).toHaveLength(1);
    });

    test("the effect is that of the Talos which runs, whatever is declared", async () => {
      const at = await previewed(inputs, on(planes, { machine: { token: "other" } }), "v1.14.1");
      expect(at.lines).toEqual([
        "cp-1, cp-2, cp-3: machine.token added: in effect at once (Talos applies it while running)",
      ]);
      const newer = await previewed(inputs, on(["w-1"], udev), "v1.13.99");
      expect(newer.refusal).toBeUndefined();
      const unheard = await previewed(inputs, on(["w-1"], udev), "v1.99.0");
      expect(unheard.refusal).toMatch(/v1.99.0 is of a minor plinth has no data for .*components\/talos\/releases.ts/);
    });

    test("a change of version is shown as its steps, or refused with the rule that stands in the way", async () => {
      const versions = (talos: string, kubernetes: string): ClusterReleaseInputs => ({
        ...inputs,
        nodes: Object.fromEntries(
          Object.entries(inputs.nodes).map(([key, each]) => [key, { ...each, talos, kubernetes }]),
        ),
      });
      const up = await previewed(inputs, versions("v1.14.1", "v1.37.0"));
      expect(up.lines).toEqual([
        "step 1 of 3: Talos v1.13.0 → v1.13.10 on cp-1, cp-2, cp-3, w-1, w-2",
        "step 2 of 3: Talos v1.13.10 → v1.14.1 on cp-1, cp-2, cp-3, w-1, w-2 (changes etcd's data format: no way back but a snapshot)",
        "step 3 of 3: Kubernetes v1.36.3 → v1.37.0",
      ]);
      const down = await previewed(inputs, versions("v1.12.11", "v1.35.4"));
      expect(down.lines).toEqual([]);
      expect(down.refusal).toMatch(/- nodes: there is no way from Talos v1.13.0 to v1.12.11: .*needs permission/);
      expect(down.refusal).toMatch(
        /- nodes: there is no way from Kubernetes v1.36.3 to v1.35.4: Kubernetes has no way back/,
      );
    });
  });

  test("says at preview that talosctl is missing or too old, once for all nodes", async () => {
    const { cluster, resource } = await start();
    const problems = async () =>
      (await resource.check(inputs, listen().context)).map(({ path, reason }) => `${path}: ${reason}`);
    expect(await problems()).toEqual([]);
    cluster.talosctl = "v1.12.0";
    expect(await problems()).toEqual(["talosctl: talosctl v1.12.0 is too old for Talos v1.13.0"]);
    cluster.talosctl = undefined;
    expect(await problems()).toEqual(["talosctl: there is none"]);
  });

  test("says which patch is not YAML, also among many that were good before", async () => {
    const { resource } = await start();
    const [key, good] = Object.entries(inputs.nodes)[0] ?? [];
    if (key === undefined || good === undefined) throw new Error("the cluster has nodes");
    const broken = {
      ...inputs,
      nodes: { ...inputs.nodes, [key]: { ...good, patches: [...good.patches, "machine: ["] } },
    };
    const found = await resource.check(broken, listen().context, () => inputs);
    expect(found.map(({ path }) => path)).toEqual([expect.stringMatching(/^nodes\["cp-1"\]\.patches\[\d\]$/)]);
  });

  test("a site of two hundred machines previews without asking a single node", async () => {
    const nodes = Object.fromEntries(
      Array.from({ length: 200 }, (_, place) => {
        const key = `n-${place}`;
        return [
          key,
          { ...node(key, place, place < 3 ? "controlplane" : "worker"), address: `10.1.${place >> 7}.${place & 127}` },
        ];
      }),
    );
    const large = { ...inputs, nodes };
    const cluster = machines(large);
    for (const each of cluster.nodes.values()) each.leader = each.key === "n-0";
    const resource = clusterRelease(cluster.drivers);
    const reached = await resource.create(large, listen().context);
    cluster.recorder.calls.length = 0;
    const state = { inputs: large, outputs: reached.outputs };
    const other = { ...large, configuration: { controlplane: controlplane.replace("demo-id", "x"), worker } };
    expect(await resource.check(large, listen().context)).toEqual([]);
    expect(await resource.diff(state, large, listen().context)).toEqual([]);
    expect(await resource.diff(state, other, listen().context)).toHaveLength(1);
    await resource.preview(large, state, listen().context);
    expect(cluster.recorder.calls).toEqual([]);
  });

  test("destroy wipes workers first, the last control plane without a farewell", async () => {
    const { cluster, resource, state } = await start();
    await resource.delete("demo", state, listen().context);
    expect(cluster.recorder.changes.map(({ args }) => [args[0], (args[1] as { graceful: boolean }).graceful])).toEqual([
      ["10.0.0.21", true],
      ["10.0.0.22", true],
      ["10.0.0.11", true],
      ["10.0.0.12", true],
      ["10.0.0.13", false],
    ]);
  });

  test("destroy leaves the machines alone unless told otherwise", async () => {
    const { cluster, resource, state } = await start();
    await resource.delete("demo", { ...state, inputs: { ...inputs, onDestroy: "keep" } }, listen().context);
    expect(cluster.recorder.changes).toEqual([]);
  });

  test("a worker that is declared no longer is wiped, its record dropped", async () => {
    const { cluster, resource, state } = await start();
    const { "w-2": _, ...nodes } = inputs.nodes;
    const reached = await resource.update("demo", state, { ...inputs, nodes }, listen().context);
    expect(cluster.recorder.changes.map(({ name, args }) => [name, args[0]])).toEqual([["reset", "10.0.0.22"]]);
    expect(Object.keys(reached.outputs.running)).not.toContain("w-2");
  });

  test("a worker that does not answer is not waited for: its Node goes, and somebody is told to wipe its disks", async () => {
    const { cluster, resource, state } = await start();
    cluster.nodes.delete("10.0.0.22");
    const { "w-2": _, ...nodes } = inputs.nodes;
    const heard = listen();
    const reached = await resource.update("demo", state, { ...inputs, nodes }, heard.context);
    expect(reached.failures).toBeUndefined();
    expect(heard.lines).toContain("w-2 does not answer and was not wiped: wipe its disks before it is used again");
    expect(cluster.forgotten).toEqual(["w-2"]);
    expect(Object.keys(reached.outputs.running)).not.toContain("w-2");
  });

  test("a control plane that does not answer is never taken for a wiped one", async () => {
    const { cluster, resource, state } = await start();
    cluster.nodes.delete("10.0.0.13");
    await expect(resource.delete("demo", state, listen().context)).rejects.toThrow(/connection refused/);
    expect(cluster.forgotten).not.toContain("cp-3");
  });

  test("refuses to work beside another run, and says who it is", async () => {
    const { cluster, resource, state } = await start();
    cluster.lease = { holder: "ann@desk pid 7", seconds: 60, renewed: Date.now(), version: "1" };
    await expect(resource.update("demo", state, changed, listen().context)).rejects.toThrow(/ann@desk pid 7/);
    expect(cluster.applied).toEqual([]);
  });

  test("destroys nothing beside another run", async () => {
    const { cluster, resource, state } = await start();
    cluster.lease = { holder: "ann@desk pid 7", seconds: 60, renewed: Date.now(), version: "1" };
    await expect(resource.delete("demo", state, listen().context)).rejects.toThrow(/ann@desk pid 7/);
    expect(cluster.recorder.changes).toEqual([]);
  });

  test("stops before the next node when somebody else has taken the lease that it could not renew", async () => {
    const { cluster, resource, state } = await start();
    const late = Date.now() + 120_000;
    cluster.onApplied = () => {
      jest.spyOn(Date, "now").mockImplementation(() => late);
      cluster.lease = { holder: "ann@desk pid 7", seconds: 60, renewed: late, version: "9" };
    };
    const reached = await resource.update("demo", state, changed, listen().context);
    jest.restoreAllMocks();
    expect(reached.failures?.join()).toMatch(
      /^cp-3: plinth-cluster-demo is being changed by ann@desk pid 7; .*; done: cp-2;/,
    );
    expect(cluster.applied).toEqual(["cp-2"]);
  });
});
