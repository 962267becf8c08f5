import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type PowerDnsSettings, powerDnsService } from "./service/powerdns";

/** Inputs of {@link PowerDns}. */
export type PowerDnsArgs = ServiceArgs<PowerDnsSettings>;

/**
 * PowerDNS as the primary server of the site's zones, on a store of its own, with an API whose key outlives the cluster.
 *
 * Secondaries outside copy the zones (AXFR) and go on answering while the cluster is away: `secondaryConfig` makes their
 * configuration. Zones are made as they are named; none is ever removed.
 */
export class PowerDns extends Installation {
  constructor(name: string, { installation, ...settings }: PowerDnsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, powerDnsService(settings), installation, opts);
  }
}
