import * as pulumi from "@pulumi/pulumi";
import { type Problem, refuse } from "../problem";
import { FactorySchematic } from "../talos/binding";
import { talosProblems } from "../talos/releases";
import { normaliseVersion } from "../talos/version";
import { type ImageAssets, type ImageSource, imageAssets, kernelArguments } from "./assets";
import type { BootImage } from "./intent";
import { checkSchematic, type Schematic, schematicId, schematicYaml } from "./schematic";

/** Inputs of {@link BootProfile}; all of them shape names and references, so all are plain. */
export interface BootProfileArgs extends Omit<ImageSource, "schematic"> {
  /** What the image is made of. A change is another image: it reaches a machine at its next install or upgrade. */
  readonly schematic: Schematic;
  /**
   * Makes the schematic known to the public Image Factory: a factory builds only what it was told. Without network
   * leave it off and post {@link BootProfile.yaml} to your own factory. @default true with the public factory
   */
  readonly register?: boolean;
}

/** What machines of one kind boot and install: one image, with the reference of each of its files. */
export class BootProfile extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:boot:BootProfile";

  /** Schematic id, computed offline. */
  readonly schematic: string;
  /** The schematic as an Image Factory takes it. */
  readonly yaml: string;
  /** References of the image's files. */
  readonly assets: ImageAssets;
  /** What a machine boots over the network, for a `BootIntent`. */
  readonly image: BootImage;

  constructor(name: string, args: BootProfileArgs, opts?: pulumi.ComponentResourceOptions) {
    const { schematic, register = args.factory === undefined, ...source } = args;
    const version = normaliseVersion(source.version) ?? source.version;
    refuse(`The boot profile ${name} cannot be used:`, problems(schematic, version));
    const id = schematicId(schematic);
    super(BootProfile.__pulumiType, name, { schematic: id, version, arch: source.arch }, opts);
    const image = { ...source, version, schematic: id };
    this.schematic = id;
    this.yaml = schematicYaml(schematic);
    this.assets = imageAssets(image);
    this.image = {
      arch: source.arch,
      kernel: this.assets.kernel,
      initramfs: this.assets.initramfs,
      args: kernelArguments(image, schematic.kernelArgs),
    };
    if (register) new FactorySchematic(`${name}-schematic`, { schematic: this.yaml }, { parent: this });
    this.registerOutputs({ schematic: id });
  }
}

function problems(schematic: Schematic, version: string): Problem[] {
  const known = normaliseVersion(version);
  if (known !== undefined) return [...talosProblems("version", known), ...checkSchematic(schematic, "schematic")];
  const fix = "write major, minor and patch, as in v1.13.0";
  return [{ path: "version", reason: `"${version}" is not a version`, fix }, ...checkSchematic(schematic, "schematic")];
}
