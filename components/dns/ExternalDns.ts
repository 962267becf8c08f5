import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type ExternalDnsSettings, externalDnsService } from "./service/externaldns";

/** Inputs of {@link ExternalDns}. */
export type ExternalDnsArgs = ServiceArgs<ExternalDnsSettings>;

/** external-dns: names of Services and Ingresses as records in PowerDNS. It changes only records that it made. */
export class ExternalDns extends Installation {
  constructor(name: string, { installation, ...settings }: ExternalDnsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, externalDnsService(settings), installation, opts);
  }
}
