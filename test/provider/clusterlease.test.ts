import { readFileSync } from "node:fs";
import type { Kubernetes, KubernetesLease } from "../../provider/kubernetes/kubernetes";
import { withClusterLease } from "../../provider/kubernetes/lease";

const idle = new AbortController().signal;

/** A Lease object with the API's rule: a write with an old version is refused. */
function api(first?: Partial<KubernetesLease>) {
  const written: string[] = [];
  const state = {
    lease: first && { holder: "", seconds: 60, renewed: Date.now(), version: "1", ...first },
    down: false,
  };
  const kubernetes = {
    async lease() {
      if (state.down) throw new Error("connection refused");
      return state.lease;
    },
    async writeLease(_name: string, holder: string, seconds: number, seen: KubernetesLease | undefined) {
      if (seen?.version !== state.lease?.version) return false;
      state.lease = { holder, seconds, renewed: Date.now(), version: `${Number(seen?.version ?? 0) + 1}` };
      written.push(holder);
      return true;
    },
  } as unknown as Kubernetes;
  return { kubernetes, state, written };
}

const hold = (
  kubernetes: Kubernetes,
  work = async () => "done",
  onAbsent: (reason: string) => void = () => undefined,
) => withClusterLease(kubernetes, "plinth-demo", idle, onAbsent, work);

test("is held while the work runs and let go after it", async () => {
  const { kubernetes, written } = api();
  expect(await hold(kubernetes)).toBe("done");
  expect(written).toEqual([expect.stringContaining(`pid ${process.pid}`), ""]);
});

test("somebody else's is respected and named", async () => {
  const { kubernetes, written } = api({ holder: "ann@desk pid 7" });
  await expect(hold(kubernetes)).rejects.toThrow(/plinth-demo is being changed by ann@desk pid 7/);
  expect(written).toEqual([]);
});

test("one that its holder no longer renews is taken over", async () => {
  const { kubernetes } = api({ holder: "ann@desk pid 7", renewed: Date.now() - 61_000 });
  expect(await hold(kubernetes)).toBe("done");
});

test("one of a process of this host that was killed is taken over at once, a living one is not", async () => {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  expect(await hold(api({ holder: `ann@desk pid ${2 ** 22 + 1} boot ${boot}` }).kubernetes)).toBe("done");
  await expect(hold(api({ holder: `ann@desk pid ${2 ** 22 + 1} boot other` }).kubernetes)).rejects.toThrow(/ann@desk/);
  await expect(hold(api({ holder: `ann@desk pid ${process.ppid} boot ${boot}` }).kubernetes)).rejects.toThrow(
    /ann@desk/,
  );
});

test("of two that take it at the same moment, one is refused", async () => {
  const { kubernetes, state } = api();
  const slow = async () => new Promise<string>((resolve) => setTimeout(() => resolve("done"), 20));
  const [one, other] = await Promise.allSettled([
    hold(kubernetes, slow),
    hold(
      {
        ...kubernetes,
        lease: async () => (state.lease?.version === "1" ? { ...state.lease, holder: "bob" } : undefined),
      } as Kubernetes,
      slow,
    ),
  ]);
  expect([one.status, other.status].sort()).toEqual(["fulfilled", "rejected"]);
});

test("without an API there is nothing to hold, and somebody hears why", async () => {
  const { kubernetes, state } = api();
  state.down = true;
  const heard: string[] = [];
  expect(await hold(kubernetes, undefined, (reason) => heard.push(reason))).toBe("done");
  expect(heard).toEqual(["connection refused"]);
});

test("losing it to somebody else aborts the work", async () => {
  jest.useFakeTimers();
  try {
    const { kubernetes, state } = api();
    const work = withClusterLease(
      kubernetes,
      "plinth-demo",
      idle,
      () => undefined,
      (signal) => {
        state.lease = { holder: "bob@desk", seconds: 60, renewed: Date.now(), version: "9" };
        return new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    );
    const expectation = expect(work).rejects.toThrow(/bob@desk/);
    await jest.advanceTimersByTimeAsync(15_000);
    await expectation;
  } finally {
    jest.useRealTimers();
  }
});
