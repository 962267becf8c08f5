import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type VaultSettings, vaultService } from "./service/vault";

/** Inputs of {@link Vault}. */
export type VaultArgs = ServiceArgs<VaultSettings>;

/**
 * Vault on its own replicated storage (Raft), set up and unsealed by the Bank-Vaults operator. Pods are let in by their
 * service accounts; it needs no single sign-on to begin, so nothing waits in a circle.
 *
 * Its unseal keys and its root token are in the Secret `vault/vault-unseal-keys`, and so in every snapshot of etcd.
 * Where the volumes of Vault outlive the cluster, keep them in the stack, too, and the next cluster opens what it finds:
 * `kubectl get secret -n vault vault-unseal-keys -o json | jq -c '.data | map_values(@base64d)' | pulumi config set --secret secrets:vault-unseal-keys`.
 * With empty volumes take that secret out first: Vault begins anew only where there are no keys.
 *
 * Before a new version of it or of its operator, a Job writes a snapshot into the volume claim `vault-snapshots`.
 */
export class Vault extends Installation {
  constructor(name: string, { installation, ...settings }: VaultArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, vaultService(settings), installation, opts);
  }
}
