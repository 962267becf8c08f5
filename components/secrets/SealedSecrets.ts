import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type SealedSecretsSettings, sealedSecretsService } from "./service/sealedsecrets";

/** Inputs of {@link SealedSecrets}. */
export type SealedSecretsArgs = ServiceArgs<SealedSecretsSettings>;

/**
 * Sealed Secrets: secrets that may lie in a Git repository, because only the cluster opens them. Its key is kept in the
 * stack's state, protected: the next cluster has it again, and what was sealed for this one opens there.
 */
export class SealedSecrets extends Installation {
  constructor(name: string, { installation, ...settings }: SealedSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, sealedSecretsService(settings), installation, opts);
  }
}
