import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { referencePage } from "../support/reference";
import { ROOT } from "../support/site";

/** Every component of the platform by its room: one page each. */
const COMPONENTS = [
  { room: "network", component: "Cilium", service: "cilium" },
  { room: "network", component: "MetalLb", service: "metallb" },
  { room: "network", component: "IngressNginx", service: "ingress" },
  { room: "network", component: "TailscaleRoutes", service: "tailscale" },
  { room: "network", component: "Expose", service: "expose" },
  { room: "dns", component: "CertManager", service: "certmanager" },
  { room: "dns", component: "Issuers", service: "issuers" },
  { room: "dns", component: "PowerDns", service: "powerdns" },
  { room: "dns", component: "DnsSolver", service: "dnssolver" },
  { room: "dns", component: "ExternalDns", service: "externaldns" },
  { room: "storage", component: "LocalPath", service: "localpath" },
  { room: "storage", component: "Longhorn", service: "longhorn" },
  { room: "storage", component: "OpenEbs", service: "openebs" },
  { room: "storage", component: "ProxmoxCsi", service: "proxmoxcsi" },
  { room: "storage", component: "SeaweedFs", service: "seaweedfs" },
  { room: "secrets", component: "SealedSecrets", service: "sealedsecrets" },
  { room: "secrets", component: "Vault", service: "vault" },
  { room: "secrets", component: "ExternalSecrets", service: "externalsecrets", more: ["generated"] },
  { room: "secrets", component: "Reloader", service: "reloader" },
] as const;
/** Components that are no part of a platform by themselves. */
const OTHERS = ["Keep.ts"];

const page = (component: string) => path.join(ROOT, "docs/platform", `${component.toLowerCase()}.md`);

test.each(COMPONENTS)("the page of $component is what its types say", ({ room, component, service, ...rest }) => {
  const file = (name: string) => `components/${room}/service/${name}.ts`;
  const text = referencePage({
    component,
    file: `components/${room}/${component}.ts`,
    settings: `${component}Settings`,
    settingsFile: file(service),
    more: "more" in rest ? rest.more.map(file) : [],
  });
  if (process.env.RECORD_DOCS === "1") writeFileSync(page(component), text);
  expect(existsSync(page(component)) ? readFileSync(page(component), "utf8") : "no page").toBe(text);
});

test("every component has a page, and every page a component", () => {
  const rooms = [...new Set(COMPONENTS.map(({ room }) => room))];
  const components = rooms.flatMap((room) =>
    readdirSync(path.join(ROOT, "components", room)).filter(
      (name) => /^[A-Z]\w+\.ts$/.test(name) && !OTHERS.includes(name),
    ),
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
    more: [],
  };
  expect(() => referencePage(documented)).toThrow("service says nothing about itself");
});
