import { certManagerService } from "../../components/dns/service/certmanager";
import { dnsSolverService } from "../../components/dns/service/dnssolver";
import { externalDnsService } from "../../components/dns/service/externaldns";
import { issuersService } from "../../components/dns/service/issuers";
import { powerDnsService } from "../../components/dns/service/powerdns";
import { secondaryConfig, within, zoneScript } from "../../components/dns/service/zones";
import type { PlatformService } from "../../components/kubernetes/service";
import { exposeService } from "../../components/network/service/expose";

const domain = "home.example.org";
const settings = {
  zones: {
    [domain]: { nameservers: { [`ns1.${domain}`]: "10.0.3.3", "ns2.example.net": "198.51.100.7" } },
    [`lab.${domain}`]: { nameservers: { [`ns1.${domain}`]: "fd00::3" } },
  },
  address: "10.0.3.3",
  secondaries: ["100.64.0.3"],
};
// biome-ignore lint/suspicious/noExplicitAny: reads deep into plain data
const specOf = (service: PlatformService, key: string): any => service.objects?.[key]?.spec;

describe("PowerDNS", () => {
  test("makes the zones that are missing, and says who serves and who copies them", () => {
    expect(zoneScript(settings)).toBe(`set -eu
if ! pdnsutil -q zone list-all | grep -qxF home.example.org; then pdnsutil zone create home.example.org; fi
pdnsutil zone set-kind home.example.org primary
pdnsutil rrset replace home.example.org home.example.org. NS ns1.home.example.org. ns2.example.net.
pdnsutil rrset replace home.example.org ns1.home.example.org. A 10.0.3.3
pdnsutil metadata set home.example.org ALLOW-AXFR-FROM 100.64.0.3
pdnsutil metadata set home.example.org ALSO-NOTIFY 100.64.0.3
if ! pdnsutil -q zone list-all | grep -qxF lab.home.example.org; then pdnsutil zone create lab.home.example.org; fi
pdnsutil zone set-kind lab.home.example.org primary
pdnsutil rrset replace lab.home.example.org lab.home.example.org. NS ns1.home.example.org.
pdnsutil metadata set lab.home.example.org ALLOW-AXFR-FROM 100.64.0.3
pdnsutil metadata set lab.home.example.org ALSO-NOTIFY 100.64.0.3
`);
  });

  test("gives secondaries their configuration", () => {
    expect(secondaryConfig(settings)).toBe(`// Made by plinth: copies of the cluster's zones.
zone "home.example.org" {
    type secondary;
    primaries { 10.0.3.3; };
    allow-notify { 10.0.3.3; };
    file "home.example.org.zone";
};
zone "lab.home.example.org" {
    type secondary;
    primaries { 10.0.3.3; };
    allow-notify { 10.0.3.3; };
    file "lab.home.example.org.zone";
};
`);
  });

  test("is reached at its own address, and its key stands in no object", () => {
    const service = powerDnsService(settings);
    expect(service.objects?.dns?.metadata.annotations).toEqual({ "metallb.io/loadBalancerIPs": "10.0.3.3" });
    expect(specOf(service, "dns").ports.map(({ protocol }: { protocol: string }) => protocol)).toEqual(["UDP", "TCP"]);
    expect(specOf(service, "server").template.spec.containers[0].env).toEqual([
      { name: "PDNS_AUTH_API_KEY", valueFrom: { secretKeyRef: { name: "powerdns-api-key", key: "key" } } },
    ]);
    expect(service.secrets?.["api-key"]?.text).toEqual({ key: [{ password: "powerdns-api-key" }] });
  });

  test("starts again when its files are others, and only then, without a Reloader", () => {
    const annotations = (changed: object) =>
      specOf(powerDnsService({ ...settings, ...changed }), "server").template.metadata.annotations;
    expect(annotations({ secondaries: ["100.64.0.4"] })).not.toEqual(annotations({}));
    expect(annotations({ address: "10.0.3.4" })).toEqual(annotations({}));
    expect(Object.keys(annotations({}))).toEqual(["plinth.dev/files"]);
    const [seen] = Object.values(powerDnsService(settings).exit).filter(
      ({ field }) => field === "status.updatedReplicas",
    );
    expect(seen).toMatchObject({ kind: "StatefulSet", name: "powerdns" });
  });

  test("hands the same key to everybody who writes into it", () => {
    const writers = [dnsSolverService({ domain }), externalDnsService({ zones: [domain], owner: domain })];
    expect(writers.map(({ secrets }) => secrets?.["api-key"]?.text)).toEqual([
      { key: [{ password: "powerdns-api-key" }] },
      { key: [{ password: "powerdns-api-key" }] },
    ]);
  });

  test("a zone has the hosts below it, and no others", () => {
    expect([`a.${domain}`, domain, `not${domain}`, "example.org"].map((host) => within(host, domain))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("issuers", () => {
  const acme = { email: "a@example.org", solver: "powerdns" as const };

  test("an own authority has a key that outlives the cluster", () => {
    const service = issuersService({ domain, issuers: { own: {} } });
    expect(service.keep?.keypairs).toEqual({
      "ca-own": { commonName: "home.example.org own", authority: true, years: 10 },
    });
    expect(specOf(service, "issuer-own")).toEqual({ ca: { secretName: "ca-own" } });
    expect(service.secrets?.["ca-own"]?.namespace).toBe("cert-manager");
    expect(service.needs).toEqual(["cert-manager"]);
  });

  test("need what they show a name with, and ask the solver of the very group that serves", () => {
    const service = issuersService({
      domain,
      issuers: { dns: { acme: { ...acme, caBundle: "the PEM" } }, web: { acme: { ...acme, solver: "http01" } } },
    });
    expect(specOf(service, "issuer-dns").acme.caBundle).toBe(Buffer.from("the PEM").toString("base64"));
    expect(specOf(service, "issuer-web").acme).not.toHaveProperty("caBundle");
    expect(service.needs).toEqual(["cert-manager", "ingress", "dns-solver"]);
    const [solver] = specOf(service, "issuer-dns").acme.solvers;
    expect(solver.dns01.webhook.groupName).toBe("acme.home.example.org");
    expect(dnsSolverService({ domain }).chart?.values).toMatchObject({ groupName: solver.dns01.webhook.groupName });
    expect(Object.values(service.exit).map(({ name, condition }) => `${name} ${condition}`)).toEqual([
      "dns Ready",
      "web Ready",
    ]);
  });
});

test("cert-manager: more of each part by profile, and the webhook has to answer", () => {
  const values = (profile: "minimal" | "standard" | "production") => certManagerService({ profile }).chart?.values;
  expect(values("minimal")).toMatchObject({ replicaCount: 1, webhook: { replicaCount: 1 } });
  expect(values("production")).toMatchObject({
    replicaCount: 2,
    webhook: { replicaCount: 3, podDisruptionBudget: { enabled: true } },
  });
  expect(certManagerService({}).exit["cert-manager's webhook answers"]).toHaveProperty("admits");
});

describe("an exposed service", () => {
  const git = { host: `git.${domain}`, to: { namespace: "git", name: "gitea-http", port: 3000 } };

  test("is open only when its certificate is issued", () => {
    const service = exposeService("git", { ...git, tls: "public" });
    expect(service.exit).toMatchObject({
      "the certificate of git.home.example.org is issued": { kind: "Certificate", name: "git-tls", condition: "Ready" },
    });
    expect(service.objects?.ingress).toMatchObject({
      metadata: { annotations: { "cert-manager.io/cluster-issuer": "public" } },
      spec: {
        tls: [{ hosts: ["git.home.example.org"], secretName: "git-tls" }],
        rules: [{ host: "git.home.example.org" }],
      },
    });
    expect(service.needs).toEqual(["ingress", "certificates"]);
  });

  test("asks for a password where the stack has one, and for nothing on plain HTTP", () => {
    const service = exposeService("git", { ...git, tls: false, auth: { basic: "git-users" } });
    expect(service.needs).toEqual(["ingress"]);
    expect(service.secrets?.auth).toEqual({
      namespace: "git",
      name: "git-auth",
      text: { auth: [{ stack: "git-users" }] },
    });
    expect(service.objects?.ingress?.metadata.annotations).toMatchObject({
      "nginx.ingress.kubernetes.io/auth-secret": "git-auth",
    });
    expect(JSON.stringify(service.objects)).not.toContain("cert-manager");
  });
});
