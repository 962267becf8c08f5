import { certManagerService } from "../../components/dns/service/certmanager";
import { dnsSolverService } from "../../components/dns/service/dnssolver";
import { externalDnsService } from "../../components/dns/service/externaldns";
import { issuersService } from "../../components/dns/service/issuers";
import { powerDnsService } from "../../components/dns/service/powerdns";
import type { ChartSpec, PlatformService, Profile } from "../../components/kubernetes/service";
import { nvidiaService } from "../../components/machine/gpu/service";
import { ciliumService } from "../../components/network/service/cilium";
import { exposeService } from "../../components/network/service/expose";
import { ingressNginxService } from "../../components/network/service/ingress";
import { metalLbService } from "../../components/network/service/metallb";
import { tailscaleRoutesService } from "../../components/network/service/tailscale";
import { externalSecretsService } from "../../components/secrets/service/externalsecrets";
import { reloaderService } from "../../components/secrets/service/reloader";
import { sealedSecretsService } from "../../components/secrets/service/sealedsecrets";
import { vaultService } from "../../components/secrets/service/vault";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { localPathService } from "../../components/storage/service/localpath";
import { longhornService } from "../../components/storage/service/longhorn";
import { openEbsService } from "../../components/storage/service/openebs";
import { proxmoxCsiService } from "../../components/storage/service/proxmoxcsi";
import { seaweedFsService } from "../../components/storage/service/seaweedfs";
import { siteFile } from "./site";

export const PROFILES: readonly Profile[] = ["minimal", "standard", "production"];

/** Every part of the platform, in every profile and with every setting that leads to other values. */
export function everyService(): readonly PlatformService[] {
  return PROFILES.flatMap(servicesOf);
}

/** Charts as their objects are recorded: with the values that the lab's site gives them, and the others in standard. */
export function recordedCharts(): readonly ChartSpec[] {
  const lab = planSite(parseSite(siteFile("lab-platform"), "the lab")).platform?.services ?? [];
  const all = [...lab, ...servicesOf("standard")].flatMap(({ chart }) => chart ?? []);
  return all.filter(({ name }, place) => all.findIndex((other) => other.name === name) === place);
}

/** Every part of the platform in one profile. */
export function servicesOf(profile: Profile): readonly PlatformService[] {
  return [...network(profile), ...storage(profile), ...secrets(profile), ...dns(profile), nvidiaService({})];
}

function network(profile: Profile): readonly PlatformService[] {
  return [
    ciliumService({ profile, nodes: ["cp-1", "worker-1"], gateway: profile !== "minimal", hubble: true }),
    metalLbService({
      pools: { lan: { range: "10.0.3.4-10.0.3.20" }, wan: { range: "198.51.100.0/28", mode: "bgp" } },
      asn: 64512,
      peers: { router: { address: "10.0.0.1", asn: 64513 } },
    }),
    ingressNginxService({ profile, pool: "lan" }),
    tailscaleRoutesService({ profile, routes: ["10.0.3.0/27"], hostname: "home" }),
  ];
}

function dns(profile: Profile): readonly PlatformService[] {
  const domain = "home.example.org";
  return [
    certManagerService({ profile }),
    powerDnsService({ zones: { [domain]: { nameservers: { [`ns1.${domain}`]: "10.0.3.3" } } }, address: "10.0.3.3" }),
    dnsSolverService({ domain }),
    issuersService({ domain, issuers: { own: {}, public: { acme: { email: "a@example.org", solver: "powerdns" } } } }),
    externalDnsService({ zones: [domain], owner: domain }),
    exposeService("git", {
      host: `git.${domain}`,
      to: { namespace: "git", name: "gitea-http", port: 3000 },
      tls: "public",
      auth: { basic: "git-users" },
    }),
  ];
}

function storage(profile: Profile): readonly PlatformService[] {
  const nodes = ["worker-1", "worker-2"];
  return [
    localPathService({ nodes }),
    longhornService({ profile, nodes, v2: true, backupTarget: "s3://b@home/", backupSecret: "longhorn" }),
    openEbsService({ profile, nodes, reclaim: "Retain" }),
    proxmoxCsiService({
      url: "https://pve.example.org:8006/api2/json",
      region: "home",
      tokenId: "csi@pve!csi",
      classes: { fast: { storage: "local-zfs" }, bulk: { storage: "tank", filesystem: "xfs", reclaim: "Retain" } },
    }),
    seaweedFsService({ profile }),
  ];
}

function secrets(profile: Profile): readonly PlatformService[] {
  return [
    sealedSecretsService({}),
    vaultService({ profile }),
    externalSecretsService({ profile, vault: true, generated: { git: { namespaces: ["git"], generation: 2 } } }),
    reloaderService({ profile }),
  ];
}
