import { readFileSync } from "node:fs";
import path from "node:path";
import { RELEASED } from "../../components/licensing/released";
import { ROOT } from "../support/site";

test("this plinth was not made before its last release, nor in the future", () => {
  const released = Date.parse(RELEASED);
  const dates = [...readFileSync(path.join(ROOT, "CHANGELOG.md"), "utf8").matchAll(/^## .*(\d{4}-\d\d-\d\d)/gm)];
  for (const [, day = ""] of dates) expect(released).toBeGreaterThanOrEqual(Date.parse(day));
  expect(released).toBeLessThan(Date.now());
});
