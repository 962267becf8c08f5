import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { referencePage } from "../support/reference";
import { ROOT } from "../support/site";

/** Every component of the platform: one page each. */
const COMPONENTS = [
  { component: "Cilium", settings: "CiliumSettings", service: "cilium" },
  { component: "MetalLb", settings: "MetalLbSettings", service: "metallb" },
  { component: "IngressNginx", settings: "IngressNginxSettings", service: "ingress" },
] as const;

const page = (component: string) => path.join(ROOT, "docs/platform", `${component.toLowerCase()}.md`);

test.each(COMPONENTS)("the page of $component is what its types say", ({ component, settings, service }) => {
  const text = referencePage({
    component,
    file: `components/network/${component}.ts`,
    settings,
    settingsFile: `components/network/service/${service}.ts`,
  });
  if (process.env.RECORD_DOCS === "1") writeFileSync(page(component), text);
  expect(existsSync(page(component)) ? readFileSync(page(component), "utf8") : "no page").toBe(text);
});

test("every component has a page, and every page a component", () => {
  const rooms = ["components/network"];
  const components = rooms.flatMap((room) =>
    readdirSync(path.join(ROOT, room)).filter((name) => /^[A-Z]\w+\.ts$/.test(name)),
  );
  expect(COMPONENTS.map(({ component }) => `${component}.ts`).sort()).toEqual(components.sort());
  const pages = readdirSync(path.join(ROOT, "docs/platform")).sort();
  expect(pages).toEqual(COMPONENTS.map(({ component }) => `${component.toLowerCase()}.md`).sort());
});

test("a field that says nothing about itself is refused", () => {
  const documented = {
    component: "Step",
    file: "components/kubernetes/phase.ts",
    settings: "Step",
    settingsFile: "components/kubernetes/phase.ts",
  };
  expect(() => referencePage(documented)).toThrow("service says nothing about itself");
});
