import fc from "fast-check";
import { type ClusterVersions, formatHop, type Hop } from "../../components/talos/hop";
import { pathProblems, type UpgradePath, upgradePath } from "../../components/talos/path";
import { CONTRACTS, type Contract, KUBERNETES_LATEST, TALOS_RELEASES } from "../../components/talos/releases";

/** Written out again from the vendor's compatibility constants, so that a slip in the table cannot excuse itself. */
const RUNS: Record<number, [number, number]> = { 11: [29, 34], 12: [30, 35], 13: [31, 36], 14: [32, 37] };
const LAST_PATCH: Record<number, number> = { 11: 6, 12: 11, 13: 10, 14: 1 };
const ETCD: Record<number, string> = { 11: "3.6", 12: "3.6", 13: "3.6", 14: "3.7" };

type V = readonly [minor: number, patch: number];
const v = (text: string): V => {
  const [, minor = "", patch = ""] = text.split(".");
  return [Number(minor), Number(patch)];
};
const text = ([minor, patch]: V) => `v1.${minor}.${patch}`;
const runs = (talos: V, kubernetes: V) => {
  const [min, max] = RUNS[talos[0]] ?? [0, -1];
  return kubernetes[0] >= min && kubernetes[0] <= max;
};

/** Whether a single uniform cluster may make that Talos step; independent of the planner. */
function legalTalos(from: V, to: V, kubernetes: V, downgrade: boolean): boolean {
  if (!runs(to, kubernetes)) return false;
  const up = to[0] - from[0];
  if (Math.abs(up) > 1) return false;
  if (up === 1) return from[1] >= (LAST_PATCH[from[0]] ?? 0);
  if (up === 0 && to[1] > from[1]) return true;
  return downgrade && ETCD[from[0]] === ETCD[to[0]];
}

function legalKubernetes(from: V, to: V, talos: V, downgrade: boolean): boolean {
  if (!runs(talos, from) || !runs(talos, to)) return false;
  if (to[0] - from[0] === 1) return true;
  return to[0] === from[0] && (to[1] > from[1] || downgrade);
}

/** Every pair of versions that can be reached, by trying every step of either axis from every state. */
function reachable(start: readonly [V, V], talos: readonly V[], kubernetes: readonly V[], downgrade: boolean) {
  const seen = new Set([start.map(text).join(" ")]);
  const queue = [start];
  for (const [t, k] of queue) {
    const next = [
      ...talos.filter((to) => text(to) !== text(t) && legalTalos(t, to, k, downgrade)).map((to): [V, V] => [to, k]),
      ...kubernetes
        .filter((to) => text(to) !== text(k) && legalKubernetes(k, to, t, downgrade))
        .map((to): [V, V] => [t, to]),
    ];
    for (const state of next) {
      const key = state.map(text).join(" ");
      if (!seen.has(key)) queue.push(state);
      seen.add(key);
    }
  }
  return seen;
}

const uniform = (talos: V, kubernetes: V, contract: Contract = "v1.11"): ClusterVersions => ({
  nodes: { "cp-1": { talos: text(talos), kubernetes: text(kubernetes) } },
  contract,
});

/** Follows the hops one by one and fails at the first that the independent rules forbid. */
function follow(start: readonly [V, V], hops: readonly Hop[], downgrade: boolean): readonly [V, V] {
  return hops.reduce<readonly [V, V]>(([talos, kubernetes], hop) => {
    if (hop.axis === "talos") {
      expect(hop.from).toBe(text(talos));
      if (!legalTalos(talos, v(hop.to), kubernetes, downgrade)) throw new Error(`illegal: ${JSON.stringify(hop)}`);
      expect(hop.etcdFormat).toBe(ETCD[v(hop.to)[0]] !== ETCD[talos[0]]);
      return [v(hop.to), kubernetes];
    }
    if (hop.axis === "contract") return [talos, kubernetes];
    if (!legalKubernetes(kubernetes, v(hop.to), talos, downgrade)) throw new Error(`illegal: ${JSON.stringify(hop)}`);
    return [talos, v(hop.to)];
  }, start);
}

const allTalos = TALOS_RELEASES.flatMap((release) => {
  const [minor, latest] = v(release.latest);
  return Array.from({ length: latest + 1 }, (_, patch): V => [minor, patch]);
});
/** Of every minor the first and the last patch: enough for every rule, and few enough for every pair. */
const someTalos = TALOS_RELEASES.flatMap((release) => {
  const [minor, latest] = v(release.latest);
  return [...new Set([0, latest])].map((patch): V => [minor, patch]);
});
const someKubernetes = Object.values(KUBERNETES_LATEST).flatMap((latest) => {
  const [minor, patch] = v(latest);
  return [[minor, 1] as V, [minor, patch] as V];
});

function compare(start: readonly [V, V], goal: readonly [V, V], reached: ReadonlySet<string>, downgrade: boolean) {
  const result: UpgradePath = upgradePath(
    uniform(...start),
    { talos: text(goal[0]), kubernetes: text(goal[1]), contract: "v1.11" },
    { allowDowngrade: downgrade },
  );
  const there = reached.has(goal.map(text).join(" "));
  if (result.possible !== there) {
    throw new Error(`${start.map(text)} → ${goal.map(text)}: planner ${result.possible}, search ${there}`);
  }
  const end = follow(start, result.hops, downgrade);
  if (result.possible) expect(end).toEqual(goal);
  else if (result.blocks.length === 0) throw new Error(`${start.map(text)} → ${goal.map(text)}: no proof`);
}

describe("exhaustive against an independent search", () => {
  test.each([false, true])(
    "every pair of Talos and Kubernetes minors, downgrade permitted: %s",
    (downgrade) => {
      let pairs = 0;
      for (const talos of someTalos) {
        for (const kubernetes of someKubernetes) {
          const reached = reachable([talos, kubernetes], someTalos, someKubernetes, downgrade);
          for (const toTalos of someTalos) {
            for (const toKubernetes of someKubernetes) {
              compare([talos, kubernetes], [toTalos, toKubernetes], reached, downgrade);
              pairs += 1;
            }
          }
        }
      }
      expect(pairs).toBe((someTalos.length * someKubernetes.length) ** 2);
    },
    120_000,
  );

  test("every pair of Talos patches in the table", () => {
    for (const from of allTalos) {
      for (const minor of [32, 34]) {
        const kubernetes: V = [minor, 2];
        const reached = reachable([from, kubernetes], allTalos, [kubernetes], false);
        for (const to of allTalos) compare([from, kubernetes], [to, kubernetes], reached, false);
      }
    }
  }, 120_000);
});

describe("the way", () => {
  const hops = (result: UpgradePath) => result.hops.map((hop) => `${hop.axis} ${hop.to}`);

  test("passes both axes minor by minor, each Talos minor left from its latest patch", () => {
    const result = upgradePath(uniform([11, 2], [33, 4]), { talos: "1.14.1", kubernetes: "1.37.0", contract: "v1.11" });
    expect(result.possible).toBe(true);
    expect(hops(result)).toEqual([
      "talos v1.11.6",
      "kubernetes v1.34.13",
      "talos v1.12.11",
      "kubernetes v1.35.10",
      "talos v1.13.10",
      "kubernetes v1.36.6",
      "talos v1.14.1",
      "kubernetes v1.37.0",
    ]);
  });

  test("uses only what can be had", () => {
    const available = { talos: ["v1.12.0", "v1.13.9", "v1.14.1"], kubernetes: ["v1.35.4", "v1.36.3"] };
    const result = upgradePath(
      uniform([12, 0], [35, 4], "v1.12"),
      { talos: "v1.14.1", kubernetes: "v1.36.3", contract: "v1.12" },
      { available },
    );
    expect(hops(result)).toEqual(["talos v1.13.9", "kubernetes v1.36.3", "talos v1.14.1"]);
    expect(result.hops.map((hop) => hop.axis === "talos" && hop.etcdFormat)).toEqual([false, false, true]);
  });

  test("goes on where an update stopped half-way, the oldest nodes first", () => {
    const result = upgradePath(
      {
        nodes: {
          "cp-1": { talos: "v1.13.10", kubernetes: "v1.36.3" },
          "cp-2": { talos: "v1.12.11", kubernetes: "v1.35.4" },
        },
        contract: "v1.12",
      },
      { talos: "v1.13.10", kubernetes: "v1.36.3", contract: "v1.13" },
    );
    expect(hops(result)).toEqual(["talos v1.13.10", "kubernetes v1.36.3", "contract v1.13"]);
    expect(result.hops[0]).toMatchObject({ nodes: ["cp-2"] });
  });

  test("reads as one line a step", () => {
    const wanted = { talos: "v1.14.1", kubernetes: "v1.36.4", contract: "v1.13" } as const;
    expect(upgradePath(uniform([13, 10], [36, 3], "v1.12"), wanted).hops.map(formatHop)).toEqual([
      "Kubernetes v1.36.3 → v1.36.4",
      "Talos v1.13.10 → v1.14.1 on cp-1 (changes etcd's data format: no way back but a snapshot)",
      "configuration contract v1.12 → v1.13",
    ]);
  });

  test("is empty when everything runs", () => {
    expect(
      upgradePath(uniform([13, 9], [36, 3], "v1.13"), { talos: "v1.13.9", kubernetes: "v1.36.3", contract: "v1.13" }),
    ).toEqual({ possible: true, hops: [] });
  });

  test("mixed nodes never stand more than one minor apart and always end at the goal", () => {
    const node = fc.constantFrom("v1.12.11", "v1.13.3", "v1.13.10");
    fc.assert(
      fc.property(fc.array(node, { minLength: 1, maxLength: 5 }), (versions) => {
        const nodes = Object.fromEntries(
          versions.map((talos, index) => [`n${index}`, { talos, kubernetes: "v1.34.1" }] as const),
        );
        const result = upgradePath(
          { nodes, contract: "v1.12" },
          { talos: "v1.14.1", kubernetes: "v1.37.1", contract: "v1.14" },
        );
        expect(result.possible).toBe(true);
        const now = new Map<string, string>(Object.entries(nodes).map(([key, { talos }]) => [key, talos]));
        for (const hop of result.hops) {
          if (hop.axis !== "talos") continue;
          for (const key of hop.nodes) now.set(key, hop.to);
          const minors = [...now.values()].map((version) => v(version)[0]);
          expect(Math.max(...minors) - Math.min(...minors)).toBeLessThanOrEqual(1);
        }
        expect(new Set(now.values())).toEqual(new Set(["v1.14.1"]));
      }),
    );
  });
});

describe("the proof", () => {
  const blocks = (from: ClusterVersions, talos: string, kubernetes: string, contract: Contract = "v1.11") => {
    const result = upgradePath(from, { talos, kubernetes, contract });
    return result.possible ? [] : result.blocks.map((block) => block.rule);
  };

  test.each([
    ["a pair outside the table", uniform([13, 10], [36, 3]), "v1.13.10", "v1.37.0", "kubernetes-range"],
    ["Kubernetes too new for what runs", uniform([12, 0], [36, 1]), "v1.13.10", "v1.36.3", "kubernetes-range"],
    ["Kubernetes too old for what runs", uniform([12, 11], [29, 1]), "v1.12.11", "v1.30.14", "kubernetes-range"],
    ["an older Talos", uniform([13, 10], [36, 3]), "v1.13.9", "v1.36.3", "downgrade"],
    ["an older Kubernetes", uniform([13, 10], [36, 3]), "v1.13.10", "v1.35.4", "downgrade"],
    ["an unknown Talos minor", uniform([13, 10], [36, 3]), "v1.15.0", "v1.36.3", "known-version"],
    ["a Talos patch that does not exist", uniform([13, 9], [36, 3]), "v1.13.42", "v1.36.3", "known-version"],
    ["a running minor without data", uniform([10, 9], [33, 1]), "v1.11.6", "v1.33.13", "known-version"],
  ])("%s", (_name, from, talos, kubernetes, rule) => {
    expect(blocks(from, talos, kubernetes)).toContain(rule);
  });

  test("a deadlock of the two axes is undone over the Talos before, where that is permitted", () => {
    const stuck = uniform([12, 11], [29, 1]);
    const wanted = { talos: "v1.12.11", kubernetes: "v1.30.14", contract: "v1.11" } as const;
    const result = upgradePath(stuck, wanted, { allowDowngrade: true });
    expect(result.possible && result.hops.map((hop) => `${hop.axis} ${hop.to}`)).toEqual([
      "talos v1.11.6",
      "kubernetes v1.30.14",
      "talos v1.12.11",
    ]);
  });

  test("etcd's format bars the way back even where a downgrade is permitted", () => {
    const wanted = { talos: "v1.13.10", kubernetes: "v1.36.3", contract: "v1.11" } as const;
    const result = upgradePath(uniform([14, 1], [36, 3]), wanted, { allowDowngrade: true });
    expect(result.possible ? [] : result.blocks).toEqual([
      expect.objectContaining({ rule: "etcd-format", from: "v1.14.1", to: "v1.13.10" }),
    ]);
  });

  test("a minor that cannot be had is named", () => {
    const result = upgradePath(
      uniform([12, 11], [34, 1]),
      { talos: "v1.14.1", kubernetes: "v1.34.1", contract: "v1.11" },
      { available: { talos: ["v1.12.11", "v1.14.1"] } },
    );
    expect(result.possible ? [] : result.blocks.map((block) => block.rule)).toEqual(["available"]);
  });

  test("contracts follow the oldest node, and never go back", () => {
    expect(blocks(uniform([12, 11], [35, 1], "v1.12"), "v1.12.11", "v1.35.1", "v1.13")).toEqual(["contract"]);
    expect(blocks(uniform([13, 10], [35, 1], "v1.13"), "v1.13.10", "v1.35.1", "v1.12")).toEqual(["contract"]);
    const back = { talos: "v1.12.11", kubernetes: "v1.35.1", contract: "v1.13" } as const;
    const result = upgradePath(uniform([13, 10], [35, 1], "v1.13"), back, { allowDowngrade: true });
    expect(result.possible ? [] : result.blocks.map((block) => block.rule)).toEqual(["contract"]);
    for (const contract of CONTRACTS)
      expect(blocks(uniform([14, 1], [35, 1]), "v1.14.1", "v1.35.1", contract)).toEqual([]);
  });

  test("reads as problems a person can act on", () => {
    const result = upgradePath(uniform([13, 10], [36, 3]), {
      talos: "v1.13.10",
      kubernetes: "v1.37.0",
      contract: "v1.11",
    });
    expect(pathProblems("kubernetes.version", result)).toEqual([
      {
        path: "kubernetes.version",
        reason:
          "there is no way from Kubernetes v1.36.3 to v1.37.0: Talos v1.13.10 runs Kubernetes 1.31 to 1.36, not v1.37.0",
        fix: "choose a Kubernetes version that the Talos version runs",
      },
    ]);
  });
});
