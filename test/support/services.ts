import type { PlatformService, Profile } from "../../components/kubernetes/service";
import { ciliumService } from "../../components/network/service/cilium";
import { ingressNginxService } from "../../components/network/service/ingress";
import { metalLbService } from "../../components/network/service/metallb";

const PROFILES: readonly Profile[] = ["minimal", "standard", "production"];

/** Every part of the platform, in every profile and with every setting that leads to other values. */
export function everyService(): readonly PlatformService[] {
  return PROFILES.flatMap((profile) => [
    ciliumService({ profile, nodes: ["cp-1", "worker-1"], gateway: profile !== "minimal", hubble: true }),
    metalLbService({
      profile,
      pools: { lan: { range: "10.0.3.4-10.0.3.20" }, wan: { range: "198.51.100.0/28", mode: "bgp" } },
      asn: 64512,
      peers: { router: { address: "10.0.0.1", asn: 64513 } },
    }),
    ingressNginxService({ profile, pool: "lan" }),
  ]);
}
