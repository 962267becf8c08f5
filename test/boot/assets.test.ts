import { imageAssets, installerImage, kernelArguments } from "../../components/boot/assets";

const source = { schematic: "abc", version: "v1.13.0", arch: "amd64" } as const;

test("an installer names factory, platform, schematic and version", () => {
  expect(installerImage(source)).toBe("factory.talos.dev/metal-installer/abc:v1.13.0");
  expect(installerImage({ ...source, platform: "nocloud", secureBoot: true, factory: "factory.local:5000" })).toBe(
    "factory.local:5000/nocloud-installer-secureboot/abc:v1.13.0",
  );
});

test("every file of an image has its place, per platform and architecture", () => {
  expect(imageAssets(source)).toEqual({
    installer: "factory.talos.dev/metal-installer/abc:v1.13.0",
    kernel: "https://factory.talos.dev/image/abc/v1.13.0/kernel-amd64",
    initramfs: "https://factory.talos.dev/image/abc/v1.13.0/initramfs-amd64.xz",
    cmdline: "https://factory.talos.dev/image/abc/v1.13.0/cmdline-metal-amd64",
    iso: "https://factory.talos.dev/image/abc/v1.13.0/metal-amd64.iso",
    uki: "https://factory.talos.dev/image/abc/v1.13.0/metal-amd64-uki.efi",
    disk: "https://factory.talos.dev/image/abc/v1.13.0/metal-amd64.raw.xz",
    pxe: "https://pxe.talos.dev/pxe/abc/v1.13.0/metal-amd64",
  });
  const own = imageAssets({ ...source, arch: "arm64", secureBoot: true, factory: "factory.local" });
  expect(own.iso).toBe("https://factory.local/image/abc/v1.13.0/metal-arm64-secureboot.iso");
  expect(own.kernel).toBe("https://factory.local/image/abc/v1.13.0/kernel-arm64");
  expect(own.pxe).toBe("https://factory.local/pxe/abc/v1.13.0/metal-arm64-secureboot");
});

test.each([
  ["v1.11.6", "selinux=1"],
  ["v1.12.0", "selinux=1 module.sig_enforce=1"],
  ["v1.14.1", "selinux=1 module.sig_enforce=1 proc_mem.force_override=never"],
])("a network boot of %s gets Talos' own kernel arguments", (version, last) => {
  expect(kernelArguments({ ...source, version }, ["a=1"]).join(" ")).toBe(
    `talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge= pti=on consoleblank=0 nvme_core.io_timeout=4294967295 printk.devkmsg=on ${last} a=1`,
  );
});
