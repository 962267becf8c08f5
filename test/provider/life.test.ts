import { Life } from "../../provider/host/life";

const living = () => {
  const codes: number[] = [];
  return { codes, life: new Life((code) => codes.push(code)) };
};

test("a cancel stops this run; the next run of a debugged plugin begins afresh", () => {
  const { life } = living();
  const first = life.signal;
  life.cancel();
  expect(first.aborted).toBe(true);
  expect(String(first.reason)).toMatch(/update was cancelled/);
  life.begin();
  expect(life.signal.aborted).toBe(false);
});

test("an orphan ends at once when it has nothing to do", () => {
  const { life, codes } = living();
  life.leave("the engine is gone");
  expect(codes).toEqual([0]);
  life.begin();
  expect(life.signal.aborted).toBe(true);
});

test("an orphan stops before its next step and ends when the running call has returned", async () => {
  const { life, codes } = living();
  let done: () => void = () => undefined;
  const call = life.during(() => new Promise<void>((resolve) => (done = resolve)));
  life.leave("the engine is gone");
  expect(life.signal.aborted).toBe(true);
  expect(codes).toEqual([]);
  done();
  await call;
  await new Promise((resolve) => setImmediate(resolve));
  expect(codes).toEqual([0]);
});
