import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type ExternalSecretsSettings, externalSecretsService } from "./service/externalsecrets";

/** Inputs of {@link ExternalSecrets}. */
export type ExternalSecretsArgs = ServiceArgs<ExternalSecretsSettings>;

/**
 * External Secrets: Secrets of the cluster that are read from Vault, which every namespace reaches as the
 * ClusterSecretStore `vault`.
 *
 * Generated passwords are made once and live in Vault; nothing makes them again. A rotation raises `generation`: the new
 * password and the one before are both handed out until `previous: false` ends it.
 */
export class ExternalSecrets extends Installation {
  constructor(
    name: string,
    { installation, ...settings }: ExternalSecretsArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(name, externalSecretsService(settings), installation, opts);
  }
}
