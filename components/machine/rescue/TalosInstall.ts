import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { ofGeneration } from "../generation";
import { type DiskImage, rescueScript } from "./script";

/** Inputs of {@link TalosInstall}. */
export interface TalosInstallArgs extends Omit<DiskImage, "url"> {
  /** How the rescue system is reached over SSH; kept secret as a whole. It is waited for. */
  readonly connection: pulumi.Input<command.types.input.remote.ConnectionArgs>;
  /** URL of the disk image. Used once: another image reaches a machine by Talos' own upgrade. */
  readonly url: pulumi.Input<string>;
  /**
   * Id of the machine at its vendor. Another one has an empty disk, and is written as the first was; beginning to tell it
   * counts as another one. @default - it is always the same machine
   */
  readonly machine?: pulumi.Input<string>;
}

/** Dials that may fail before the machine counts as not there: about ten minutes until a rescue system is up. */
const DIALS = 60;

/**
 * Talos, written to a machine's disk from a rescue system, over SSH and once. A machine that carries Talos with a
 * configuration is not written again, unless a higher `generation` says that another one stands there. A machine that
 * its vendor made anew (`machine`) is written like the first.
 *
 * It needs `@pulumi/command`. Cut off before it was noted, it looks for the rescue system again: boot the machine into it
 * once more, and the next run finds what is on the disk and only restarts it.
 */
export class TalosInstall extends command.remote.Command {
  constructor(name: string, args: TalosInstallArgs, opts?: pulumi.CustomResourceOptions) {
    const { connection, url, machine, ...image } = args;
    super(
      // Another machine under the same key is another installation.
      ofGeneration(name, image.generation),
      {
        connection: pulumi
          .secret(connection)
          .apply((known) => ({ dialErrorLimit: DIALS, perDialTimeout: 10, ...known })),
        create: pulumi.output(url).apply((known) => rescueScript({ ...image, url: known })),
        // The package makes another command of another trigger.
        ...(machine !== undefined && { triggers: [machine] }),
      },
      {
        ...opts,
        // It is written once: another image reaches a machine by Talos' own upgrade.
        ignoreChanges: ["create", "connection", "environment", ...(opts?.ignoreChanges ?? [])],
      },
    );
  }
}
