import { Ticker } from "../../lab/ticker";

/** A ticker on a stream that keeps what it gets, with time in the test's hand. */
function ticking(isTTY: boolean) {
  const written: string[] = [];
  const out = { isTTY, columns: 80, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream;
  return { ticker: new Ticker(out), written };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const forever = () => new Promise<never>(() => undefined);

test("a log gets a line when the status changes, and one every fifteen seconds while it does not", () => {
  const { ticker, written } = ticking(false);
  let status = "creating a for 0 s";
  void ticker.during(() => status, forever);
  jest.advanceTimersByTime(2000);
  expect(written).toEqual(["creating a for 0 s (2 s)\n"]);
  status = "creating a for 9 s";
  jest.advanceTimersByTime(14_000);
  expect(written).toHaveLength(1);
  jest.advanceTimersByTime(2000);
  expect(written).toHaveLength(2);
  status = "creating b for 1 min 4 s";
  jest.advanceTimersByTime(2000);
  expect(written.slice(2)).toEqual([expect.stringContaining("creating b")]);
  jest.advanceTimersByTime(60_000);
  expect(written).toHaveLength(7);
  ticker.close();
});

test("a lasting line counts as a sign of life", () => {
  const { ticker, written } = ticking(false);
  void ticker.during(() => "works", forever);
  jest.advanceTimersByTime(2000);
  jest.advanceTimersByTime(10_000);
  ticker.line("made a");
  jest.advanceTimersByTime(14_000);
  expect(written.slice(1)).toEqual(["made a\n"]);
  ticker.close();
});

test("a terminal gets one line that is drawn again and again, and nothing is left of it", () => {
  const { ticker, written } = ticking(true);
  void ticker.during(() => "works", forever);
  jest.advanceTimersByTime(1000);
  expect(written.join("")).toBe(
    "works (0 s)\r\x1b[2Kworks (0 s)\r\x1b[2Kworks (1 s)\r\x1b[2Kworks (1 s)\r\x1b[2Kworks (1 s)",
  );
  ticker.close();
  expect(written.at(-1)).toBe("\r\x1b[2K");
});
