import fc from "fast-check";
import type { ClusterVersions, Hop } from "../../components/talos/hop";
import { upgradePath } from "../../components/talos/path";
import { supports, TALOS_RELEASES } from "../../components/talos/releases";
import { type PastStep, type RollbackFacts, rollbackPlan } from "../../components/talos/rollback";

const talos = (from: string, to: string, nodes: readonly string[] = ["cp-1"]): Hop => ({
  axis: "talos",
  from,
  to,
  nodes,
  etcdFormat: from.startsWith("v1.13") && to.startsWith("v1.14"),
});
const kubernetes = (from: string, to: string): Hop => ({ axis: "kubernetes", from, to });
const now = (talosVersion: string, kubernetesVersion: string): ClusterVersions => ({
  nodes: { "cp-1": { talos: talosVersion, kubernetes: kubernetesVersion } },
  contract: "v1.12",
});
const facts = (
  steps: readonly PastStep[],
  state: ClusterVersions,
  rest: Partial<RollbackFacts> = {},
): RollbackFacts => ({
  steps,
  now: state,
  controlPlanes: ["cp-1"],
  ...rest,
});
const kinds = (input: RollbackFacts) => rollbackPlan(input).map(({ step, kind }) => `${step} ${kind}`);

describe("a Talos step", () => {
  test("goes back by the other slot while etcd's format is the same", () => {
    const [undo] = rollbackPlan(facts([{ hop: talos("v1.12.11", "v1.13.9") }], now("v1.13.9", "v1.35.4")));
    expect(undo).toEqual({
      step: 0,
      kind: "ab-rollback",
      automatic: true,
      first: [],
      reason: "the other slot still holds v1.12.11, and etcd's data format is the same",
    });
  });

  test("never goes back by itself over a change of etcd's format", () => {
    const steps = [{ hop: talos("v1.13.10", "v1.14.1"), snapshot: "s1" }];
    const [undo] = rollbackPlan(facts(steps, now("v1.14.1", "v1.36.3")));
    expect(undo).toMatchObject({ kind: "etcd-downgrade", automatic: false });
    expect(undo?.reason).toContain("from 3.6 to 3.7");
  });

  test("goes back by the other slot while the etcd cluster still agrees on the older version", () => {
    const steps = [{ hop: talos("v1.13.10", "v1.14.1") }];
    expect(kinds(facts(steps, now("v1.14.1", "v1.36.3"), { etcdCluster: "3.6" }))).toEqual(["0 ab-rollback"]);
    expect(kinds(facts(steps, now("v1.14.1", "v1.36.3"), { etcdCluster: "3.7" }))).toEqual(["0 etcd-downgrade"]);
  });

  test("of a worker has no etcd to mind", () => {
    const steps = [{ hop: talos("v1.13.10", "v1.14.1", ["w-1"]) }];
    expect(kinds(facts(steps, { nodes: {}, contract: "v1.12" }))).toEqual(["0 ab-rollback"]);
  });

  test("that is not the node's last, or whose slot was overwritten, has to be installed again", () => {
    const steps = [{ hop: talos("v1.12.0", "v1.12.11") }, { hop: talos("v1.12.11", "v1.13.9") }];
    const state = now("v1.13.9", "v1.35.4");
    expect(rollbackPlan(facts(steps, state))).toMatchObject([
      { step: 1, kind: "ab-rollback", first: [] },
      { step: 0, kind: "downgrade", first: [1], automatic: false },
    ]);
    const overwritten = facts(steps.slice(1), state, { otherSlot: { "cp-1": "v1.13.9" } });
    expect(kinds(overwritten)).toEqual(["0 downgrade"]);
  });

  test("does not go back beneath the Kubernetes or the contract of now", () => {
    const step = { hop: talos("v1.12.11", "v1.13.9") };
    expect(kinds(facts([{ ...step, snapshot: "s1" }], now("v1.13.9", "v1.36.3")))).toEqual(["0 restore"]);
    expect(kinds(facts([step], now("v1.13.9", "v1.36.3")))).toEqual(["0 none"]);
    const [undo] = rollbackPlan(facts([step], { ...now("v1.13.9", "v1.35.4"), contract: "v1.13" }));
    expect(undo?.reason).toContain("contract v1.13, which Talos v1.12.11 does not know");
  });
});

describe("a Kubernetes step", () => {
  test("goes back within its minor", () => {
    const steps = [{ hop: kubernetes("v1.36.1", "v1.36.2") }, { hop: kubernetes("v1.36.2", "v1.36.3") }];
    expect(rollbackPlan(facts(steps, now("v1.13.9", "v1.36.3")))).toMatchObject([
      { step: 1, kind: "kubernetes-patch", first: [] },
      { step: 0, kind: "kubernetes-patch", first: [1] },
    ]);
  });

  test("over a minor is undone only by a snapshot, and so is every one before it", () => {
    const steps = [
      { hop: kubernetes("v1.35.3", "v1.35.4"), snapshot: "s1" },
      { hop: kubernetes("v1.35.4", "v1.36.3") },
    ];
    const plan = rollbackPlan(facts(steps, now("v1.13.9", "v1.36.3")));
    expect(plan).toMatchObject([
      { step: 1, kind: "restore", automatic: false },
      { step: 0, kind: "restore", automatic: false },
    ]);
    expect(plan[0]?.reason).toContain("s1");
  });
});

test("a change of contract has no way back", () => {
  const steps: PastStep[] = [{ hop: { axis: "contract", from: "v1.12", to: "v1.13" } }];
  expect(kinds(facts(steps, now("v1.13.9", "v1.36.3")))).toEqual(["0 none"]);
});

test("after any planned upgrade: one verdict a step, nothing automatic that the rules forbid", () => {
  const version = fc.constantFrom(...TALOS_RELEASES.map((release) => release.latest));
  const minor = fc.constantFrom("v1.31.14", "v1.33.13", "v1.35.10", "v1.37.2");
  fc.assert(
    fc.property(version, version, minor, minor, (from, to, oldKubernetes, newKubernetes) => {
      const start: ClusterVersions = {
        nodes: { "cp-1": { talos: from, kubernetes: oldKubernetes } },
        contract: "v1.11",
      };
      const path = upgradePath(start, { talos: to, kubernetes: newKubernetes, contract: "v1.11" });
      fc.pre(path.possible && path.hops.length > 0);
      const end: ClusterVersions = { nodes: { "cp-1": { talos: to, kubernetes: newKubernetes } }, contract: "v1.11" };
      const plan = rollbackPlan(
        facts(
          path.hops.map((hop) => ({ hop, snapshot: "s" })),
          end,
        ),
      );
      expect(plan.map(({ step }) => step)).toEqual(path.hops.map((_, index) => index).reverse());
      for (const { step, kind, automatic, first } of plan) {
        const hop = path.hops[step];
        if (hop === undefined) throw new Error("no such step");
        expect(first.every((later) => later > step)).toBe(true);
        expect(automatic).toBe(kind === "ab-rollback" || kind === "kubernetes-patch");
        if (hop.axis === "talos" && hop.etcdFormat) expect(automatic).toBe(false);
        if (kind === "ab-rollback") expect(supports(hop.from, newKubernetes)).toBe(true);
        if (kind === "kubernetes-patch") expect(hop.from.slice(0, 5)).toBe(hop.to.slice(0, 5));
      }
    }),
  );
});
