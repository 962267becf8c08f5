/**
 * The process is killed before every single driver call of an upgrade, one after the other. Each time the next run
 * finishes, nothing is done twice, and what must never happen never does.
 */
import { Trial, versioned } from "./rolling";

jest.setTimeout(600_000);

const OLD = { talos: "v1.13.0", kubernetes: "v1.36.3" };
const small = { workers: 1 };

const routes = [
  ["a Talos that installs apart from booting", OLD, { ...OLD, talos: "v1.13.10" }],
  [
    "a Talos that does both in one call",
    { talos: "v1.12.11", kubernetes: "v1.35.10" },
    { talos: "v1.13.10", kubernetes: "v1.35.10" },
  ],
  ["Kubernetes", OLD, { ...OLD, kubernetes: "v1.36.6" }],
] as const;

test.each(routes)("killed before any call while it changes %s", async (_, from, to) => {
  let points = 0;
  for (let at = 0; ; at++) {
    const trial = await Trial.of(versioned(from, small));
    const wanted = versioned(to, small);
    const died = await trial.killed(wanted, at);
    if (!died) break;
    points++;
    const { upgrades } = trial.cluster;
    expect([at, await trial.up(wanted)]).toEqual([at, []]);
    expect([at, trial.state.outputs.phase, upgrades.violations]).toEqual([at, "converged", []]);
    const reboots = from.talos === to.talos ? 1 : 2;
    for (const node of trial.cluster.nodes.values()) {
      expect([at, node]).toMatchObject([
        at,
        { talos: to.talos, kubelet: to.kubernetes, boots: reboots, unschedulable: false, mark: undefined },
      ]);
    }
    expect([at, trial.state.outputs.rolledOut]).toEqual([at, to.kubernetes]);
    // Whatever the state has missed: the record names the snapshot from before any of it.
    const [axis, before, after] =
      from.talos === to.talos ? ["kubernetes", from.kubernetes, to.kubernetes] : ["talos", from.talos, to.talos];
    expect([at, trial.state.outputs.upgrades]).toMatchObject([
      at,
      [{ axis, from: before, to: after, snapshot: "snapshot-1" }],
    ]);
    // An installation whose answer never came is made again; it is the same image into the same slot.
    const installs = trial.acts.filter((act) => act.startsWith("install ")).length;
    expect([at, installs <= (reboots - 1) * 4 + 1]).toEqual([at, true]);
  }
  expect(points).toBeGreaterThan(50);
});
