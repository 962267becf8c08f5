import type { Permission } from "../../components/boot/intent";

/** Who the machine of {@link permission} says it is. */
export const ASK = { uuid: "4c4c4544-0051-3010-8052-b4c04f4d3233", arch: "amd64" } as const;

/** A permission with what matters to a test on top. */
export function permission(over: Partial<Permission> = {}): Permission {
  return {
    mac: "52:54:00:00:00:01",
    uuid: ASK.uuid,
    action: "install",
    generation: 1,
    image: {
      arch: "amd64",
      kernel: "http://127.0.0.1/image/abc/v1.13.0/kernel-amd64",
      initramfs: "http://127.0.0.1/image/abc/v1.13.0/initramfs-amd64.xz",
      args: ["talos.platform=metal"],
    },
    diskBoot: "exit",
    issued: Date.now(),
    expires: Date.now() + 3_600_000,
    ...over,
  };
}
