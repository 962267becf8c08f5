/** Names of the moments at which a run is killed: the same in every run, or a sample would never find them again. */
import { blowsAt, driverPoint, isStep, Passage, sample } from "../../lab/crash/point";

const line = (call: string, on?: string, point = "start") =>
  driverPoint(JSON.stringify({ time: 1, pid: 1, driver: "talos", call, point, on }), "127.9.9");

test("tell the machine, but neither the instance's subnet nor who leads etcd", () => {
  expect(line("install", "127.9.9.12")).toBe("driver begin talos install .12");
  expect(line("forfeitLeadership", "127.9.9.12", "end")).toBe("driver end talos forfeitLeadership");
  expect(line("etcdSnapshot", "127.9.9.12")).toBe("driver begin talos etcdSnapshot");
});

test("a step made again is a point of its own, a look repeated is none", () => {
  const passage = new Passage();
  const [look, step] = [line("bootId", "127.9.9.12"), line("apply", "127.9.9.12")];
  expect([look, step].map(isStep)).toEqual([false, true]);
  expect([look, step, look, step, step].map((point) => passage.pass(point))).toEqual([
    look,
    step,
    undefined,
    `${step} (2)`,
    `${step} (3)`,
  ]);
  expect(isStep(`${step} (2)`)).toBe(true);
});

test("a sample is the same for the same seed and another for another", () => {
  const points = Array.from({ length: 100 }, (_, place) => `point ${place}`);
  expect(sample(points, 5, "a")).toEqual(sample(points, 5, "a"));
  expect(sample(points, 5, "a")).toHaveLength(5);
  expect(sample(points, 5, "a")).not.toEqual(sample(points, 5, "b"));
  expect(sample(points, 500, "a")).toEqual(points);
});

test("Helm is killed at its work as well as before and after it", () => {
  const release = "engine begin update Release site-platform-metallb-chart-release";
  expect(blowsAt(release).map(({ name, point, seconds }) => [name, point, seconds])).toEqual([
    [release, release, 0],
    [`${release} +1 s`, release, 1],
    [`${release} +2 s`, release, 2],
  ]);
  expect(blowsAt("engine end create Release site-platform-metallb-chart-release")).toHaveLength(1);
});
