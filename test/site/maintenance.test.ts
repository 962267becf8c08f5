/** The site file's part about windows and hooks, and every way to get it wrong. */
import { formatProblem } from "../../components/problem";
import { checkSite } from "../../components/site/parse";
import { siteFile } from "../support/site";

function problems(maintenance: unknown): string[] {
  return checkSite({ ...siteFile("home"), maintenance }).problems.map(formatProblem);
}

const window = { days: ["sat", "sun"], start: "02:00", duration: "4h", zone: "Europe/Berlin" };

test("windows and hooks are filled in", () => {
  const maintenance = {
    windows: [window, { start: "23:30", duration: "90m", zone: "UTC" }],
    hooks: [{ when: "before", steps: ["drain"], command: ["ceph", "osd", "set", "noout"] }],
  };
  const { spec, problems: found } = checkSite({ ...siteFile("home"), maintenance });
  expect(found).toEqual([]);
  expect(spec?.maintenance?.windows[1]?.days).toEqual(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
  expect(spec?.maintenance?.hooks).toMatchObject([{ timeout: "60s", onFailure: "stop" }]);
});

test.each<[string, object, string | RegExp]>([
  [
    "a zone that does not exist",
    { zone: "Europe/Bonn" },
    /zone: "Europe\/Bonn" is not a time zone \(write its IANA name/,
  ],
  ["a time that does not exist", { start: "25:00" }, /start: "25:00" is not a time of day/],
  // YAML reads 02:00 without quotes as a text, 12:30 in older dialects as a number.
  ["a time that is a number", { start: 750 }, /start: 750 is not a string/],
  ["a day that does not exist", { days: ["sa"] }, /days\[0\]: "sa" is not known here \(did you mean sat\?\)/],
  ["no day", { days: [] }, /days/],
  ["no time at all", { duration: "0m" }, /duration: "0m" is not the length of a window/],
  ["more than a week", { duration: "169h" }, /duration: "169h" is not the length of a window/],
])("a window with %s", (_, change, expected) => {
  expect(problems({ windows: [{ ...window, ...change }] })).toEqual([expect.stringMatching(expected)]);
});

test.each<[string, object, RegExp]>([
  ["nothing to do", {}, /hooks\[0\]: a hook is either a command or a request/],
  ["two things to do", { command: ["a"], http: { url: "http://a" } }, /hooks\[0\]: a hook is either/],
  [
    "a step that is none",
    { command: ["a"], steps: ["reboots"] },
    /steps\[0\]: "reboots" is not known here \(did you mean reboot\?\)/,
  ],
  ["an endless time-out", { command: ["a"], timeout: "2h" }, /timeout/],
])("a hook with %s", (_, change, expected) => {
  expect(problems({ hooks: [{ when: "before", ...change }] })).toEqual([expect.stringMatching(expected)]);
});
