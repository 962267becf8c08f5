import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type MetalLbSettings, metalLbService } from "./service/metallb";

/** Inputs of {@link MetalLb}. */
export type MetalLbArgs = ServiceArgs<MetalLbSettings>;

/** MetalLB: Services of type LoadBalancer get addresses of your own pools, told by layer 2 or by BGP. */
export class MetalLb extends Installation {
  constructor(name: string, { installation, ...settings }: MetalLbArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, metalLbService(settings), installation, opts);
  }
}
