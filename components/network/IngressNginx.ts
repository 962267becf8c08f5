import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type IngressNginxSettings, ingressNginxService } from "./service/ingress";

/** Inputs of {@link IngressNginx}. */
export type IngressNginxArgs = ServiceArgs<IngressNginxSettings>;

/** ingress-nginx as the default class of Ingresses, on an address of a MetalLB pool. */
export class IngressNginx extends Installation {
  constructor(name: string, { installation, ...settings }: IngressNginxArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, ingressNginxService(settings), installation, opts);
  }
}
