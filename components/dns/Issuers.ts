import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type IssuersSettings, issuersService } from "./service/issuers";

/** Inputs of {@link Issuers}. */
export type IssuersArgs = ServiceArgs<IssuersSettings>;

/**
 * Issuers that every namespace can use: a public authority by ACME, or one of the site's own, for sites that nobody
 * outside reaches. The key of an own authority is kept in the stack's state, protected, and so outlives the cluster.
 */
export class Issuers extends Installation {
  constructor(name: string, { installation, ...settings }: IssuersArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, issuersService(settings), installation, opts);
  }
}
