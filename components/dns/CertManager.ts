import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type CertManagerSettings, certManagerService } from "./service/certmanager";

/** Inputs of {@link CertManager}. */
export type CertManagerArgs = ServiceArgs<CertManagerSettings>;

/** cert-manager: certificates that renew themselves. Who signs them is said by {@link Issuers}. */
export class CertManager extends Installation {
  constructor(name: string, { installation, ...settings }: CertManagerArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, certManagerService(settings), installation, opts);
  }
}
