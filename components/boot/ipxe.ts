/** Answers of the boot server as iPXE scripts. What goes in was checked to be single words. */
import type { BootImage, DiskBoot } from "./intent";

const script = (...lines: readonly string[]): string => `${["#!ipxe", ...lines].join("\n")}\n`;

/** What every machine loads first: it says who it is. A server that does not answer lets it boot from disk. */
export function whoAreYou(url: string): string {
  return script(`chain --autofree ${url}/ipxe?mac=\${netX/mac:hexhyp}&uuid=\${uuid}&arch=\${buildarch} || exit`);
}

/** Boots from disk; for a firmware that does so on an error page there is no script. */
export function diskScript(method: Exclude<DiskBoot, "404">): string {
  return method === "exit" ? script("exit") : script("sanboot --no-describe --drive 0x80 || exit");
}

/** Never wipes, never installs over a system: Talos halts when it finds one. */
export function installScript(image: BootImage, configurationUrl: string | undefined): string {
  const configuration = configurationUrl === undefined ? [] : [`talos.config=${configurationUrl}`];
  return bootScript(image, ["talos.halt_if_installed=1", ...configuration]);
}

/** Boots the image beside what is on the disk: Talos finds its configuration there, and runs. */
export const rescueScript = (image: BootImage): string => bootScript(image, []);

/** Asks once more before it wipes; the address works once and not for long. */
export const confirmScript = (url: string, nonce: string): string =>
  script(`chain --autofree ${url}/wipe/${nonce} || exit`);

/** Empties the system disk. */
export const wipeScript = (image: BootImage): string => bootScript(image, ["talos.experimental.wipe=system"]);

/** Arguments that decide over a system on the disk: only the answers above set them. */
const DECISIVE = /^talos\.(halt_if_installed|experimental\.wipe|config|config\.inline|config\.early)(=|$)/;

/** Arguments of an image that would decide over the disk behind the back of the permission. */
export function decisiveArguments(args: readonly string[]): readonly string[] {
  return args.filter((arg) => DECISIVE.test(arg));
}

function bootScript({ kernel, initramfs, args }: BootImage, decisive: readonly string[]): string {
  const own = args.filter((arg) => !DECISIVE.test(arg));
  return script(
    "imgfree",
    // A kernel that is started as an EFI program finds its initramfs by name.
    `kernel --name vmlinuz ${kernel} initrd=initramfs ${[...own, ...decisive].join(" ")} || exit`,
    `initrd --name initramfs ${initramfs} || exit`,
    "boot || exit",
  );
}

/** Architecture in iPXE's words; a BIOS iPXE calls itself i386 on 64-bit processors too. */
export function archOf(buildarch: string): BootImage["arch"] | undefined {
  if (buildarch === "x86_64" || buildarch === "i386") return "amd64";
  return buildarch === "arm64" ? "arm64" : undefined;
}
