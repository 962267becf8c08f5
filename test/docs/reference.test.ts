import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { referencePage } from "../support/reference";
import { ROOT } from "../support/site";

/** Every component of the platform by its room: one page each. */
const COMPONENTS = [
  { room: "network", component: "Cilium", service: "cilium", section: "cilium" },
  { room: "network", component: "MetalLb", service: "metallb", section: "metallb" },
  { room: "network", component: "IngressNginx", service: "ingress", section: "ingress-nginx" },
  { room: "network", component: "TailscaleRoutes", service: "tailscale", section: "tailscale" },
  { room: "network", component: "Expose", service: "expose", section: "expose" },
  { room: "dns", component: "CertManager", service: "certmanager", section: "cert-manager" },
  { room: "dns", component: "Issuers", service: "issuers", section: "cert-manager" },
  { room: "dns", component: "PowerDns", service: "powerdns", section: "powerdns" },
  { room: "dns", component: "DnsSolver", service: "dnssolver" },
  { room: "dns", component: "ExternalDns", service: "externaldns", section: "external-dns" },
  { room: "storage", component: "LocalPath", service: "localpath", section: "local-path" },
  { room: "storage", component: "Longhorn", service: "longhorn", section: "longhorn" },
  { room: "storage", component: "OpenEbs", service: "openebs", section: "openebs" },
  { room: "storage", component: "ProxmoxCsi", service: "proxmoxcsi", section: "proxmox-csi" },
  { room: "storage", component: "SeaweedFs", service: "seaweedfs", section: "seaweedfs" },
  { room: "secrets", component: "SealedSecrets", service: "sealedsecrets", section: "sealed-secrets" },
  { room: "secrets", component: "Vault", service: "vault", section: "vault" },
  {
    room: "secrets",
    component: "ExternalSecrets",
    service: "externalsecrets",
    section: "external-secrets",
    more: ["generated"],
  },
  { room: "secrets", component: "Reloader", service: "reloader", section: "reloader" },
] as const;
/** Components that are no part of a platform by themselves. */
const OTHERS = ["Keep.ts"];

const page = (component: string) => path.join(ROOT, "docs/platform", `${component.toLowerCase()}.md`);

test.each(COMPONENTS)(
  "the page of $component says what schema and types say",
  ({ room, component, service, ...rest }) => {
    const file = (name: string) => `components/${room}/service/${name}.ts`;
    const text = referencePage({
      component,
      file: `components/${room}/${component}.ts`,
      settings: `${component}Settings`,
      settingsFile: file(service),
      more: "more" in rest ? rest.more.map(file) : [],
      ...("section" in rest && { section: rest.section }),
    });
    if (process.env.RECORD_DOCS === "1") writeFileSync(page(component), text);
    expect(existsSync(page(component)) ? readFileSync(page(component), "utf8") : "no page").toBe(text);
  },
);

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
