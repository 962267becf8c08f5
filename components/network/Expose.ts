import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type ExposeSettings, exposeService } from "./service/expose";

/** Inputs of {@link Expose}; `key` names its Ingress and is the resource's own name unless it is given. */
export type ExposeArgs = ServiceArgs<ExposeSettings> & { readonly key?: string };

/**
 * HTTPS for a service of the cluster: `new Expose("git", { host, to, tls, installation })`. It is ready when its
 * certificate is issued and the ingress has told it its address.
 */
export class Expose extends Installation {
  constructor(name: string, { installation, key, ...settings }: ExposeArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, exposeService(key ?? name, settings), installation, opts);
  }
}
