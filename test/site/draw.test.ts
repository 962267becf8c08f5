import { readFileSync } from "node:fs";
import path from "node:path";
import { drawSite } from "../../components/site/draw";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { ROOT, siteFile } from "../support/site";

const draw = (env: string) => drawSite(planSite(parseSite(siteFile(env))));

test("docs/lab.svg shows the lab stack as it is (npm run docs writes it)", () => {
  expect(readFileSync(path.join(ROOT, "docs/lab.svg"), "utf8")).toBe(draw("lab"));
});

test("every machine, its address and the API are in the picture", () => {
  const svg = draw("home");
  for (const text of ["controller-2", "10.0.2.11", "https://10.0.3.1:6443", "10.0.0.0/16"]) expect(svg).toContain(text);
});

test("text from the site file cannot break out of the picture", () => {
  const plan = planSite(parseSite(siteFile()));
  expect(drawSite({ ...plan, name: '<script>"&' })).toContain("&lt;script&gt;&quot;&amp;");
});
