import type { SiteFile } from "../components/site/spec";

/** A lab site of that many machines: three control planes and workers. */
export function siteOf(machines: number, subnet: string): SiteFile {
  const keys = Array.from({ length: machines }, (_, index) => (index < 3 ? `cp-${index + 1}` : `worker-${index - 2}`));
  return {
    name: "bench",
    domain: "bench.example.org",
    provider: "lab",
    network: { cidr: `${subnet}.0/24`, gateway: `${subnet}.1`, nameservers: [`${subnet}.1`], vip: `${subnet}.2` },
    talos: { version: "v1.13.0", configContract: "v1.13", onDestroy: "reset" },
    kubernetes: { version: "v1.36.3" },
    machines: Object.fromEntries(
      keys.map((key, index) => [
        key,
        {
          role: index < 3 ? ("controlplane" as const) : ("worker" as const),
          mac: `52:54:00:99:00:${(index + 1).toString(16).padStart(2, "0")}`,
          address: `${subnet}.${index + 11}`,
          disk: { wwid: `naa.5000c500a099${index.toString(16).padStart(4, "0")}` },
        },
      ]),
    ),
  };
}
