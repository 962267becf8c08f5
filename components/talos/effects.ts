/** What it takes for a change to be real on a node, from harmless to grave. */
export const EFFECTS = ["immediate", "restart", "reboot", "reinstall", "data-loss"] as const;
/**
 * - `immediate`: real at once, nothing stops;
 * - `restart`: a service restarts by itself;
 * - `reboot`: real only after the node has rebooted;
 * - `reinstall`: real only at the next installation or upgrade of Talos;
 * - `data-loss`: real only once data was erased, or it makes data unreadable.
 */
export type Effect = (typeof EFFECTS)[number];

/** What a change below a path does. The rule with the longest path wins. */
export interface EffectRule {
  /** Path without list positions and names, as `cluster.apiServer` or `VolumeConfig.encryption`. */
  readonly path: string;
  readonly effect: Effect;
  /** Service that restarts. */
  readonly service?: string;
  readonly reason: string;
  /** First Talos minor it holds for. @default - every one in the release table */
  readonly since?: string;
  /** First Talos minor it no longer holds for. */
  readonly before?: string;
  /** Only for a value that came, went or changed. @default - any */
  readonly change?: "added" | "removed" | "changed";
  /** Only where the whole document came, went or stayed. @default - any */
  readonly document?: "added" | "removed" | "changed";
}

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

const immediate = (paths: readonly string[], reason: string, rest: Partial<EffectRule> = {}): readonly EffectRule[] =>
  paths.map((path) => ({ path, effect: "immediate", reason, ...rest }));
const restart = (
  service: string,
  paths: readonly string[],
  reason = `${service} restarts with it`,
): readonly EffectRule[] => paths.map((path) => ({ path, effect: "restart", service, reason }));
const needs = (
  effect: Effect,
  paths: readonly string[],
  reason: string,
  rest: Partial<EffectRule> = {},
): readonly EffectRule[] => paths.map((path) => ({ path, effect, reason, ...rest }));

const APPLIED = "Talos applies it while running";
const AT_BOOT = "read when the node boots";
const WIPED = "a volume that exists keeps what it was made with; the change is real only on a wiped one";
const AT_INSTALL = "read only when Talos is installed or upgraded";
const MANIFESTS = "objects that exist are changed by the next Kubernetes upgrade, new ones are made at once";
const ETCD_KEY = "what etcd holds encrypted with the old key can no longer be read";

/**
 * Sources: `CanApplyImmediate` and the boot sequence of the tags 1.12.0, 1.13.9 and 1.14.1, the controllers that follow the
 * configuration, and the release notes 1.13 (environment) and 1.14 (CRI, apply modes).
 */
export const EFFECT_RULES: readonly EffectRule[] = [
  // The main document, machine part.
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
  ...needs("reboot", ["machine.kernel.modules"], "a loaded module stays until the node reboots", { change: "removed" }),
  ...needs("reinstall", ["machine.install"], AT_INSTALL),
  ...needs("reboot", ["machine.registries.config"], "containerd reads registry credentials when it starts", {
    before: "1.14",
  }),
  ...restart("cri", ["machine.registries.config"]).map((rule) => ({ ...rule, since: "1.14" })),
  ...restart("kubelet", ["machine.kubelet"]),
  ...restart(
    "kubelet",
    ["machine.network.hostname", "HostnameConfig"],
    "the Node registers anew under the new name, the old Node stays",
  ),
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
  ...needs("reboot", ["machine.env"], "a variable stays set until the node reboots", {
    since: "1.14",
    change: "removed",
  }),
  ...restart("cri", ["machine.baseRuntimeSpecOverrides"]).map((rule) => ({ ...rule, since: "1.14" })),
  // The main document, cluster part.
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
  ...restart(
    "kube-apiserver",
    ["cluster.network"],
    "kube-apiserver and kube-controller-manager restart; pods and services keep the addresses they have",
  ),
  ...immediate(
    ["cluster.network.cni", "cluster.proxy", "cluster.coreDNS", "cluster.inlineManifests", "cluster.extraManifests"],
    MANIFESTS,
  ),
  ...needs("reboot", ["cluster.etcd"], "etcd does not restart for it: it is read when the node boots"),
  ...restart("kube-apiserver", ["cluster.secretboxEncryptionSecret", "cluster.aescbcEncryptionSecret"]),
  ...(["changed", "removed"] as const).flatMap((change) =>
    needs(
      "data-loss",
      ["cluster.secretboxEncryptionSecret", "cluster.aescbcEncryptionSecret", "KubeEtcdEncryptionConfig"],
      ETCD_KEY,
      { change },
    ),
  ),
  // Documents.
  ...immediate(
    [
      "BGPInstanceConfig",
      "BlackholeRouteConfig",
      "BondConfig",
      "BridgeConfig",
      "DHCPv4Config",
      "DHCPv6Config",
      "DiscoveryIdentityConfig",
      "DiscoveryServiceConfig",
      "DummyLinkConfig",
      "EnvironmentConfig",
      "EtcFileConfig",
      "EthernetConfig",
      "EventSinkConfig",
      "FilesystemScrubConfig",
      "FilesystemTrimConfig",
      "HCloudVIPConfig",
      "HTTPProbeConfig",
      "ImageCacheConfig",
      "ImageVerificationConfig",
      "KernelModuleConfig",
      "KmsgLogConfig",
      "KubeNodeConfig",
      "KubePrismConfig",
      "KubeSpanConfig",
      "KubeSpanEndpointsConfig",
      "KubeStaticPodConfig",
      "KubeTalosAPIAccessConfig",
      "LVMLogicalVolumeConfig",
      "LVMVolumeGroupConfig",
      "Layer2VIPConfig",
      "LinkAliasConfig",
      "LinkConfig",
      "NetworkDefaultActionConfig",
      "NetworkRuleConfig",
      "OOMConfig",
      "PCIDriverRebindConfig",
      "RAIDArrayConfig",
      "RegistryMirrorConfig",
      "ResolverConfig",
      "RoutingRuleConfig",
      "SideroLinkConfig",
      "StaticHostConfig",
      "SysctlConfig",
      "SysfsConfig",
      "TCPProbeConfig",
      "TimeSyncConfig",
      "TrustedRootsConfig",
      "UdevRulesConfig",
      "VLANConfig",
      "VRFConfig",
      "VethConfig",
      "WatchdogTimerConfig",
      "WireguardConfig",
      "ZswapConfig",
    ],
    APPLIED,
  ),
  ...needs("reboot", ["EnvironmentConfig"], "a variable stays set until the node reboots", { change: "removed" }),
  ...needs("reboot", ["KernelModuleConfig"], "a loaded module stays until the node reboots", { change: "removed" }),
  ...needs("reboot", ["SecurityProfileConfig"], "the sandbox of the container runtime is set up at boot"),
  ...needs(
    "reboot",
    ["RegistryAuthConfig", "RegistryTLSConfig"],
    "containerd reads registry credentials when it starts",
    { before: "1.14" },
  ),
  ...restart("cri", ["RegistryAuthConfig", "RegistryTLSConfig"]).map((rule) => ({ ...rule, since: "1.14" })),
  ...restart("cri", ["CRIBaseRuntimeSpecConfig", "CRICustomizationConfig"]),
  ...restart("the extension service", ["ExtensionServiceConfig"]),
  ...restart("the container", ["ContainerConfig"]),
  ...restart("kubelet", [
    "KubeClusterConfig",
    "KubeCredentialProviderConfig",
    "KubeNodeConfig.nodeIP",
    "KubeNodeConfig.registerWithFQDN",
    "KubeNodeConfig.skipNodeRegistration",
    "KubeletConfig",
  ]),
  ...restart("kube-apiserver", [
    "KubeAPIServerCAConfig",
    "KubeAPIServerConfig",
    "KubeAdmissionControlConfig",
    "KubeAggregatorCAConfig",
    "KubeAuditPolicyConfig",
    "KubeAuthenticationConfig",
    "KubeAuthorizerConfig",
    "KubeEtcdEncryptionConfig",
    "KubeServiceAccountConfig",
  ]),
  ...restart(
    "kube-apiserver",
    ["KubeNetworkConfig"],
    "kube-apiserver and kube-controller-manager restart; pods and services keep the addresses they have",
  ),
  ...restart("kube-controller-manager", ["KubeControllerManagerConfig"]),
  ...restart("kube-scheduler", ["KubeSchedulerConfig"]),
  ...immediate(
    [
      "KubeCoreDNSConfig",
      "KubeExternalManifestConfig",
      "KubeFlannelCNIConfig",
      "KubeInlineManifestConfig",
      "KubeProxyConfig",
    ],
    MANIFESTS,
  ),
  ...needs("reinstall", ["UnattendedInstallConfig"], AT_INSTALL),
  ...needs("reboot", ["VolumeConfig"], "system volumes are set up at boot"),
  ...immediate(["VolumeConfig.trim", "VolumeConfig.scrub"], APPLIED),
  ...needs(
    "data-loss",
    [
      "VolumeConfig.provisioning.diskSelector",
      "VolumeConfig.filesystem",
      ...["provider", "cipher", "keySize", "blockSize"].map((key) => `VolumeConfig.encryption.${key}`),
    ],
    WIPED,
  ),
  ...[
    "UserVolumeConfig",
    "RawVolumeConfig",
    "SwapVolumeConfig",
    "ExistingVolumeConfig",
    "ExternalVolumeConfig",
  ].flatMap((kind): readonly EffectRule[] => [
    ...immediate([kind], "the volume is made and mounted while Talos runs", { document: "added" }),
    ...immediate([kind], "the volume is unmounted, its data stays on the disk", { document: "removed" }),
    ...needs("data-loss", [kind], WIPED, { document: "changed" }),
    ...needs(
      "reboot",
      [
        `${kind}.provisioning.minSize`,
        `${kind}.provisioning.maxSize`,
        `${kind}.provisioning.grow`,
        `${kind}.encryption.keys`,
        `${kind}.mount`,
      ],
      "a volume grows and changes its keys when it is opened at boot",
      { document: "changed" },
    ),
    ...immediate([`${kind}.trim`, `${kind}.scrub`], APPLIED),
  ]),
];
