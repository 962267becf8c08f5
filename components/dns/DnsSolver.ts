import type * as pulumi from "@pulumi/pulumi";
import { Installation, type ServiceArgs } from "../kubernetes/Installation";
import { type DnsSolverSettings, dnsSolverService } from "./service/dnssolver";

/** Inputs of {@link DnsSolver}. */
export type DnsSolverArgs = ServiceArgs<DnsSolverSettings>;

/** Lets cert-manager prove by a record in PowerDNS that a name is ours, as wildcard certificates need it. */
export class DnsSolver extends Installation {
  constructor(name: string, { installation, ...settings }: DnsSolverArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, dnsSolverService(settings), installation, opts);
  }
}
