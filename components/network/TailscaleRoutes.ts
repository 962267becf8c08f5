import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type TailscaleRoutesSettings, tailscaleRoutesService } from "./service/tailscale";

/** Inputs of {@link TailscaleRoutes}. */
export type TailscaleRoutesArgs = ServiceArgs<TailscaleRoutesSettings>;

/**
 * Networks of the site as routes of a tailnet, so that an edge host or a secondary name server outside reaches them. The
 * operator makes a key only for a machine that is new; what is written here holds none.
 */
export class TailscaleRoutes extends Installation {
  constructor(
    name: string,
    { installation, ...settings }: TailscaleRoutesArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(name, tailscaleRoutesService(settings), installation, opts);
  }
}
