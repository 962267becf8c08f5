import { compareMinors, minorOf, parseVersion } from "../talos/version";

/** Processor architecture of an image. */
export type Arch = "amd64" | "arm64";

/** One image of an Image Factory, and where the factory is. */
export interface ImageSource {
  /** Schematic id. */
  readonly schematic: string;
  /** Talos version, as `v1.13.0`. */
  readonly version: string;
  readonly arch: Arch;
  /** Talos platform, as `metal`, `nocloud` or `aws`. @default "metal" */
  readonly platform?: string;
  /** Images signed for Secure Boot. @default false */
  readonly secureBoot?: boolean;
  /** Host of the factory, also a registry. @default "factory.talos.dev" */
  readonly factory?: string;
  /** URL that files are fetched from instead, as `http://10.0.0.2:8080` of a boot server that holds them. @default - the factory */
  readonly files?: string;
  /** Host that serves iPXE scripts. @default - `pxe.talos.dev` for the public factory, else the factory itself */
  readonly pxe?: string;
}

/** Where the files of an image are. */
export interface ImageAssets {
  readonly installer: string;
  readonly kernel: string;
  readonly initramfs: string;
  /** A text file with the kernel's command line. */
  readonly cmdline: string;
  readonly iso: string;
  readonly uki: string;
  /** Disk image of metal; other platforms have formats of their own. */
  readonly disk: string;
  /** The factory's own iPXE script, for hosters that take a URL. It installs nothing, but guards nothing either. */
  readonly pxe: string;
}

/** Where images come from unless somebody says otherwise. */
export const PUBLIC_FACTORY = "factory.talos.dev";

/** Installer image of a schematic and version, as `factory.talos.dev/metal-installer/<id>:v1.13.0`. */
export function installerImage(source: Omit<ImageSource, "arch" | "files" | "pxe">): string {
  const { schematic, version, platform = "metal", secureBoot = false, factory = PUBLIC_FACTORY } = source;
  return `${factory}/${platform}-installer${secureBoot ? "-secureboot" : ""}/${schematic}:${version}`;
}

/** References of every file of an image that a machine can boot or install from. */
export function imageAssets(source: ImageSource): ImageAssets {
  const { schematic, version, arch, platform = "metal", secureBoot = false, factory = PUBLIC_FACTORY } = source;
  const pxe = source.pxe ?? (factory === PUBLIC_FACTORY ? "pxe.talos.dev" : factory);
  const folder = `${source.files ?? `https://${factory}`}/image/${schematic}/${version}`;
  const image = `${platform}-${arch}${secureBoot ? "-secureboot" : ""}`;
  return {
    installer: installerImage(source),
    kernel: `${folder}/kernel-${arch}`,
    initramfs: `${folder}/initramfs-${arch}.xz`,
    cmdline: `${folder}/cmdline-${image}`,
    iso: `${folder}/${image}.iso`,
    uki: `${folder}/${image}-uki.efi`,
    disk: `${folder}/${image}.raw.xz`,
    pxe: `https://${pxe}/pxe/${schematic}/${version}/${image}`,
  };
}

/** Arguments that Talos gives its own kernel, each with the minor that began with it. */
const KERNEL_ARGS: readonly (readonly [arg: string, since: string])[] = [
  ["init_on_alloc=1", "1.0"],
  ["slab_nomerge=", "1.0"],
  ["pti=on", "1.0"],
  ["consoleblank=0", "1.0"],
  ["nvme_core.io_timeout=4294967295", "1.0"],
  ["printk.devkmsg=on", "1.0"],
  ["selinux=1", "1.9"],
  ["module.sig_enforce=1", "1.12"],
  ["proc_mem.force_override=never", "1.13"],
];

/**
 * Kernel arguments of a network boot, which has no boot loader to bring them: platform and console first, then Talos'
 * own for that version, then the schematic's.
 */
export function kernelArguments(source: ImageSource, extra: readonly string[] = []): readonly string[] {
  const version = parseVersion(source.version);
  if (version === undefined) throw new Error(`unreachable: ${source.version} was checked to be a version`);
  const own = KERNEL_ARGS.filter(([, since]) => compareMinors(minorOf(version), since) >= 0).map(([arg]) => arg);
  return [`talos.platform=${source.platform ?? "metal"}`, "console=tty0", ...own, ...extra];
}
