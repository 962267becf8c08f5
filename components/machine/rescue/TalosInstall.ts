import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type DiskImage, rescueScript } from "./script";

/** Inputs of {@link TalosInstall}. */
export interface TalosInstallArgs extends Omit<DiskImage, "url"> {
  /** How the rescue system is reached over SSH; kept secret as a whole. It is waited for. */
  readonly connection: pulumi.Input<command.types.input.remote.ConnectionArgs>;
  /** URL of the disk image. Used once: another image reaches a machine by Talos' own upgrade. */
  readonly url: pulumi.Input<string>;
}

/** Dials that may fail before the machine counts as not there: about ten minutes until a rescue system is up. */
const DIALS = 60;

/**
 * Talos, written to a machine's disk from a rescue system, over SSH and once. A machine that carries Talos with a
 * configuration is not written again, unless a higher `generation` says that another one stands there.
 *
 * It needs `@pulumi/command`. Cut off before it was noted, it looks for the rescue system again: boot the machine into it
 * once more, and the next run finds what is on the disk and only restarts it.
 */
export class TalosInstall extends command.remote.Command {
  constructor(name: string, args: TalosInstallArgs, opts?: pulumi.CustomResourceOptions) {
    const { connection, url, ...image } = args;
    super(
      // Another machine under the same key is another installation.
      image.generation === undefined || image.generation === 1 ? name : `${name}-g${image.generation}`,
      {
        connection: pulumi
          .secret(connection)
          .apply((known) => ({ dialErrorLimit: DIALS, perDialTimeout: 10, ...known })),
        create: pulumi.output(url).apply((known) => rescueScript({ ...image, url: known })),
      },
      {
        ...opts,
        // It is written once: another image reaches a machine by Talos' own upgrade.
        ignoreChanges: ["create", "connection", "environment", "triggers", ...(opts?.ignoreChanges ?? [])],
      },
    );
  }
}
