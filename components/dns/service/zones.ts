import type { PowerDnsSettings } from "./powerdns";

/**
 * Script that makes the zones which are not there yet and says who serves and copies them; run again it changes nothing.
 * Records of a zone are never touched, except those of its name servers.
 */
export function zoneScript({ zones, secondaries = [] }: PowerDnsSettings): string {
  const copies = secondaries.join(" ");
  const lines = Object.keys(zones)
    .sort()
    .flatMap((zone) => {
      const nameservers = Object.entries(zones[zone]?.nameservers ?? {});
      return [
        `if ! pdnsutil -q zone list-all | grep -qxF ${zone}; then pdnsutil zone create ${zone}; fi`,
        `pdnsutil zone set-kind ${zone} primary`,
        `pdnsutil rrset replace ${zone} ${zone}. NS ${nameservers.map(([host]) => `${host}.`).join(" ")}`,
        ...nameservers
          .filter(([host]) => within(host, zone))
          .map(([host, address]) => `pdnsutil rrset replace ${zone} ${host}. ${addressType(address)} ${address}`),
        `pdnsutil metadata set ${zone} ALLOW-AXFR-FROM ${copies}`.trimEnd(),
        `pdnsutil metadata set ${zone} ALSO-NOTIFY ${copies}`.trimEnd(),
      ];
    });
  return ["set -eu", ...lines, ""].join("\n");
}

/**
 * The zones as a secondary server copies them: the `zone` statements of BIND, which PowerDNS' bind backend reads, too.
 * It belongs to a server outside of the cluster, which answers for the zones when the cluster does not.
 */
export function secondaryConfig({ zones, address }: Pick<PowerDnsSettings, "zones" | "address">): string {
  const statements = Object.keys(zones)
    .sort()
    .map((zone) =>
      [
        `zone "${zone}" {`,
        "    type secondary;",
        `    primaries { ${address}; };`,
        `    allow-notify { ${address}; };`,
        `    file "${zone}.zone";`,
        "};",
      ].join("\n"),
    );
  return ["// Made by plinth: copies of the cluster's zones.", ...statements, ""].join("\n");
}

/** Whether a host is the zone or lies below it. */
export function within(host: string, zone: string): boolean {
  return host === zone || host.endsWith(`.${zone}`);
}

function addressType(address: string): "A" | "AAAA" {
  return address.includes(":") ? "AAAA" : "A";
}
