import {
  APPLIED,
  AT_INSTALL,
  CREDENTIALS,
  type EffectRule,
  ETCD_KEY,
  immediate,
  MANIFESTS,
  MODULE,
  NETWORK,
  needs,
  RENAMED,
  restart,
  VARIABLE,
  WIPED,
} from "./rule";

/**
 * Fields of the main document that Talos 1.11 to 1.13 change without a reboot (`CanApplyImmediate` in v1alpha1_runtime.go,
 * the same in all three). A change of any other field of that document makes those versions reboot by themselves in mode
 * `auto`. Talos 1.14 never reboots for a change and does not say when it should.
 */
export const IMMEDIATE_FIELDS: readonly string[] = [
  "debug",
  "cluster",
  "machine.ca",
  "machine.acceptedCAs",
  "machine.time",
  "machine.certSANs",
  "machine.install",
  "machine.network",
  "machine.sysfs",
  "machine.sysctls",
  "machine.logging",
  "machine.controlPlane",
  "machine.kubelet",
  "machine.kernel",
  "machine.registries",
  "machine.pods",
  "machine.seccompProfiles",
  "machine.nodeAnnotations",
  "machine.nodeLabels",
  "machine.nodeTaints",
  "machine.features.kubernetesTalosAPIAccess",
  "machine.features.kubePrism",
  "machine.features.hostDNS",
  "machine.features.imageCache",
  "machine.features.nodeAddressSortAlgorithm",
];

const AT_BOOT = "read when the node boots";

/**
 * What a change of a field of the main document does. Sources: `CanApplyImmediate` and the boot sequence of the tags
 * 1.12.0, 1.13.9 and 1.14.1, the controllers that follow the configuration, and the release notes of 1.13 (environment)
 * and 1.14 (container runtime, apply modes).
 */
export const FIELD_EFFECTS: readonly EffectRule[] = [
  // Machine.
  ...immediate(
    [
      "debug",
      "machine.acceptedCAs",
      "machine.ca",
      "machine.certSANs",
      "machine.features.hostDNS",
      "machine.features.imageCache",
      "machine.features.kubePrism",
      "machine.features.kubernetesTalosAPIAccess",
      "machine.features.nodeAddressSortAlgorithm",
      "machine.kernel",
      "machine.logging",
      "machine.network",
      "machine.nodeAnnotations",
      "machine.nodeLabels",
      "machine.nodeTaints",
      "machine.pods",
      "machine.registries",
      "machine.seccompProfiles",
      "machine.sysctls",
      "machine.sysfs",
      "machine.time",
    ],
    APPLIED,
  ),
  ...needs("reboot", ["machine.kernel.modules"], MODULE, { change: "removed" }),
  ...needs("reinstall", ["machine.install"], AT_INSTALL),
  ...needs("reboot", ["machine.registries.config"], CREDENTIALS, {
    before: "1.14",
  }),
  ...restart("cri", ["machine.registries.config"]).map((rule) => ({ ...rule, since: "1.14" })),
  ...restart("kubelet", ["machine.kubelet"]),
  ...restart("kubelet", ["machine.network.hostname"], RENAMED),
  ...restart("kube-controller-manager", ["machine.controlPlane.controllerManager"]),
  ...restart("kube-scheduler", ["machine.controlPlane.scheduler"]),
  ...needs("reboot", ["version", "persist", "machine.files", "machine.disks", "machine.features"], AT_BOOT),
  ...needs("reboot", ["machine.systemDiskEncryption"], "key slots are changed when the volume is opened at boot"),
  ...needs(
    "data-loss",
    ["state", "ephemeral"].flatMap((volume) =>
      ["provider", "cipher", "keySize", "blockSize"].map((key) => `machine.systemDiskEncryption.${volume}.${key}`),
    ),
    WIPED,
  ),
  ...needs(
    "data-loss",
    ["machine.type"],
    "a node that changes its role loses its place in etcd: remove it and add it again",
  ),
  ...needs("reboot", ["machine.env", "machine.udev", "machine.token", "machine.baseRuntimeSpecOverrides"], AT_BOOT, {
    before: "1.14",
  }),
  ...immediate(["machine.env", "machine.udev", "machine.token"], APPLIED, { since: "1.14" }),
  ...needs("reboot", ["machine.env"], VARIABLE, {
    since: "1.14",
    change: "removed",
  }),
  ...restart("cri", ["machine.baseRuntimeSpecOverrides"]).map((rule) => ({ ...rule, since: "1.14" })),
  // Cluster.
  ...immediate(["cluster"], APPLIED),
  ...restart("kube-apiserver", [
    "cluster.apiServer",
    "cluster.ca",
    "cluster.acceptedCAs",
    "cluster.aggregatorCA",
    "cluster.serviceAccount",
  ]),
  ...restart("kube-controller-manager", ["cluster.controllerManager"]),
  ...restart("kube-scheduler", ["cluster.scheduler"]),
  ...restart("kubelet", ["cluster.controlPlane.endpoint"]),
  ...restart("kube-apiserver", ["cluster.controlPlane.localAPIServerPort"]),
  ...restart("kube-apiserver", ["cluster.network"], NETWORK),
  ...immediate(
    ["cluster.network.cni", "cluster.proxy", "cluster.coreDNS", "cluster.inlineManifests", "cluster.extraManifests"],
    MANIFESTS,
  ),
  ...needs("reboot", ["cluster.etcd"], "etcd does not restart for it: it is read when the node boots"),
  ...restart("kube-apiserver", ["cluster.secretboxEncryptionSecret", "cluster.aescbcEncryptionSecret"]),
  ...(["changed", "removed"] as const).flatMap((change) =>
    needs("data-loss", ["cluster.secretboxEncryptionSecret", "cluster.aescbcEncryptionSecret"], ETCD_KEY, { change }),
  ),
];
