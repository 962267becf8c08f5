import type { Schematic } from "../../boot/schematic";

/** What a node with an NVIDIA GPU needs below Kubernetes. Data-centre and consumer cards since Turing. */

/** Driver and container runtime; both are of one version in every Talos. */
export const NVIDIA_EXTENSIONS: readonly string[] = [
  "siderolabs/nvidia-container-toolkit-lts",
  "siderolabs/nvidia-open-gpu-kernel-modules-lts",
];

/** Kernel modules that Talos loads only when it is told. */
export const NVIDIA_MODULES: readonly string[] = ["nvidia", "nvidia_uvm", "nvidia_drm", "nvidia_modeset"];

/** The driver's BPF programs do not pass the hardening that Talos sets. */
export const NVIDIA_SYSCTLS: Readonly<Record<string, string>> = { "net.core.bpf_jit_harden": "1" };

/** Label by which NVIDIA's own charts find the nodes. */
export const NVIDIA_LABELS: Readonly<Record<string, string>> = { "nvidia.com/gpu.present": "true" };

/** The image of a node with a GPU: that of the site, and the driver. */
export function withNvidia(schematic: Schematic): Schematic {
  return { ...schematic, extensions: [...(schematic.extensions ?? []), ...NVIDIA_EXTENSIONS] };
}
