import { durationSeconds, eachBounded, sleep, WaitTimeout, waitFor } from "../../provider/wait";

const idle = new AbortController().signal;

test("a wait ends with the first look that is done, and tells what it waits for", async () => {
  const heard: string[] = [];
  let looks = 0;
  const value = await waitFor(
    { what: "etcd", seconds: 5, intervalMs: 1, signal: idle, progress: (line) => heard.push(line) },
    async () => (++looks < 4 ? { missing: looks < 3 ? "no leader" : "a learner" } : { done: looks }),
  );
  expect(value).toBe(4);
  expect(heard).toEqual(["etcd: no leader", "etcd: a learner"]);
});

test("a wait that runs out names the cause seen last", async () => {
  const wait = waitFor({ what: "etcd", seconds: 0.05, intervalMs: 5, signal: idle }, async () => ({
    missing: "no leader",
  }));
  await expect(wait).rejects.toThrow(new WaitTimeout("etcd", 0.05, "no leader").message);
});

test("a wait that is cancelled ends at once, with the reason", async () => {
  const controller = new AbortController();
  const started = Date.now();
  const wait = waitFor({ what: "x", seconds: 60, intervalMs: 60_000, signal: controller.signal }, async () => ({
    missing: "y",
  }));
  setTimeout(() => controller.abort(new Error("cancelled")), 10);
  await expect(wait).rejects.toThrow("cancelled");
  expect(Date.now() - started).toBeLessThan(1000);
  await expect(sleep(1, controller.signal)).rejects.toThrow("cancelled");
});

test("eachBounded keeps the order, the bound, and stops starting after an error", async () => {
  let now = 0;
  let most = 0;
  const work = async (item: number): Promise<number> => {
    most = Math.max(most, ++now);
    await sleep(2, idle);
    now--;
    return item * 2;
  };
  expect(await eachBounded([1, 2, 3, 4, 5], 2, work)).toEqual([2, 4, 6, 8, 10]);
  expect(most).toBe(2);

  const begun: number[] = [];
  const failing = eachBounded([1, 2, 3, 4, 5, 6], 2, async (item) => {
    begun.push(item);
    await sleep(2, idle);
    if (item === 1) throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  await sleep(20, idle);
  expect(begun.length).toBeLessThan(5);
});

test.each([
  ["30s", 30],
  ["5m", 300],
  ["1h30m", 5400],
  ["", undefined],
  ["5", undefined],
  ["5 minutes", undefined],
])("duration %s", (text, seconds) => {
  expect(durationSeconds(text)).toBe(seconds);
});
