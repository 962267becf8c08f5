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
      ({ signal }) => {
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

/** Work that begins at once, loses sight of the API for as long as `away` lasts, and then asks whether it may go on. */
const asleep = async (
  { kubernetes, state }: ReturnType<typeof api>,
  away: (state: ReturnType<typeof api>["state"]) => void,
  work: (confirm: () => Promise<void>) => Promise<unknown> = (confirm) => confirm(),
) => {
  const now = jest.spyOn(Date, "now");
  try {
    return await withClusterLease(
      kubernetes,
      "plinth-demo",
      idle,
      () => undefined,
      ({ confirm }) => {
        now.mockReturnValue(Date.now() + 120_000);
        away(state);
        return work(confirm);
      },
    );
  } finally {
    now.mockRestore();
  }
};

describe("before the next step, after it was not renewed for longer than it lasts,", () => {
  test("it goes on when nobody took it", async () => {
    const fake = api();
    await asleep(fake, () => undefined);
    expect(fake.written).toEqual([expect.stringContaining("pid"), expect.stringContaining("pid"), ""]);
  });

  test("it stops when somebody else has it, or had it in the meantime", async () => {
    const taken = (holder: string) => (state: ReturnType<typeof api>["state"]) => {
      state.lease = { holder, seconds: 60, renewed: Date.now(), version: "9" };
    };
    await expect(asleep(api(), taken("bob@desk"))).rejects.toThrow(/bob@desk; wait until it ends/);
    await expect(asleep(api(), taken(""))).rejects.toThrow(/another run, which has ended since; run again/);
  });

  test("it goes on while the API is away, which may be what the step brings back", async () => {
    const fake = api();
    await asleep(fake, (state) => {
      state.down = true;
    });
    expect(fake.written).toHaveLength(1);
  });

  test("one that could not be taken at first is taken once the API is there, unless somebody was faster", async () => {
    const late = api();
    late.state.down = true;
    await asleep(late, (state) => {
      state.down = false;
    });
    expect(late.written).toEqual([expect.stringContaining("pid"), ""]);
    const lost = api({ holder: "bob@desk" });
    lost.state.down = true;
    const back = asleep(lost, (state) => {
      Object.assign(state, { down: false, lease: { ...state.lease, renewed: Date.now() } });
    });
    await expect(back).rejects.toThrow(/bob@desk/);
  });
});
