import { spawn } from "node:child_process";
import { once } from "node:events";
import { watched } from "../../lab/engine/watch";
import { interruptible } from "../../lab/interrupt";
import { identify, isAlive, stop } from "../../lab/process";
import { Ticker } from "../../lab/ticker";

const said: string[] = [];
const ticker = new Ticker({ isTTY: false, write: (text: string) => said.push(text) } as unknown as NodeJS.WriteStream);
const forever = new Promise<never>(() => undefined);
afterAll(() => ticker.close());

/** What a signal to this process would do, without one: jest has handlers of its own. */
const press = (): boolean => process.emit("SIGTERM", "SIGTERM");

describe("an interruption", () => {
  let left: number[];
  const bounds = { patience: 10_000, force: 5000 };
  const leave = (code: number) => void left.push(code);
  beforeEach(() => {
    jest.useFakeTimers();
    left = [];
    said.length = 0;
  });
  afterEach(() => {
    jest.useRealTimers();
    process.exitCode = undefined;
  });

  test("is asked for politely, and work that ends is the end of it", async () => {
    const run = interruptible(
      ticker,
      ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason))),
      bounds,
      leave,
    );
    press();
    expect(await run).toBe("SIGTERM");
    expect(process.exitCode).toBe(130);
    jest.advanceTimersByTime(60_000);
    expect([left, said]).toEqual([[], ["stopping after what is in progress; once more to stop at once\n"]]);
  });

  test("a second time ends the work at once", () => {
    let now: AbortSignal | undefined;
    void interruptible(
      ticker,
      (interruption) => {
        now = interruption.now;
        return forever;
      },
      bounds,
      leave,
    );
    press();
    expect(now?.aborted).toBe(false);
    press();
    expect(now?.aborted).toBe(true);
    jest.advanceTimersByTime(5000);
    expect(left).toEqual([130]);
  });

  test("work that never ends ends with the process, and nothing is waited for without bound", () => {
    void interruptible(ticker, () => forever, bounds, leave);
    press();
    jest.advanceTimersByTime(14_000);
    expect(left).toEqual([]);
    jest.advanceTimersByTime(1000);
    expect(left).toEqual([130]);
  });
});

describe("an engine that is watched", () => {
  const bounds = { kill: 300, notice: 300 };
  const engine = async (name: string, script: string) => {
    const child = spawn(process.execPath, ["-e", `${script}; console.log(1); setInterval(() => {}, 1000)`, name], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    const id = identify(child.pid ?? 0);
    if (id === undefined) throw new Error("the engine is not there");
    return id;
  };

  test("hands on what its work came to", async () => {
    expect(await watched("/engine/one", undefined, Promise.resolve("done"), bounds, 20)).toBe("done");
    await expect(watched("/engine/one", undefined, Promise.reject(new Error("no")), bounds, 20)).rejects.toThrow("no");
  });

  test("and was killed is noticed, whatever its host still waits for", async () => {
    const id = await engine("/engine/two", "");
    const run = watched("/engine/two", undefined, forever, bounds, 20);
    setTimeout(() => void stop(id, 0), 200);
    await expect(run).rejects.toThrow("the engine was killed");
  });

  test("and does not end when it is told to is killed", async () => {
    const id = await engine("/engine/three", "process.on('SIGINT', () => {})");
    const now = new AbortController();
    const run = watched("/engine/three", now.signal, forever, bounds, 20);
    now.abort();
    await expect(run).rejects.toThrow("the engine was killed");
    expect(isAlive(id)).toBe(false);
  });
});
