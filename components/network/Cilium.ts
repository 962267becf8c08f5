import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type CiliumSettings, ciliumService } from "./service/cilium";

/** Inputs of {@link Cilium}. */
export type CiliumArgs = ServiceArgs<CiliumSettings>;

/**
 * Cilium as the cluster's network: kube-proxy's place is taken, the API server is reached through Talos' KubePrism, and
 * capabilities and cgroup are what Talos allows. The machines need `cni: none` and no kube-proxy.
 *
 * It begins as soon as every node is registered: a node is NotReady until it has a network, and waiting for Ready before
 * would wait for ever.
 */
export class Cilium extends Installation {
  constructor(name: string, { installation, ...settings }: CiliumArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, ciliumService(settings), installation, opts);
  }
}
