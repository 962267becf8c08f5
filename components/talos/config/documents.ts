import type { Problem } from "../../problem";
import { CONTRACTS, type Contract } from "../releases";
import { compareMinors } from "../version";
import { type ConfigDocument, valueAt } from "./yaml";

/** Which Talos minor introduced which document kind (kind constants at the tags v1.8.0 to v1.14.1). */
export const INTRODUCED: Readonly<Record<string, readonly string[]>> = {
  "1.8": [
    "EventSinkConfig",
    "ExtensionServiceConfig",
    "KmsgLogConfig",
    "KubeSpanEndpointsConfig",
    "NetworkDefaultActionConfig",
    "NetworkRuleConfig",
    "SideroLinkConfig",
    "TrustedRootsConfig",
    "VolumeConfig",
    "WatchdogTimerConfig",
  ],
  "1.10": ["EthernetConfig", "PCIDriverRebindConfig", "UserVolumeConfig"],
  "1.11": ["ExistingVolumeConfig", "RawVolumeConfig", "SwapVolumeConfig", "ZswapConfig"],
  "1.12": [
    "BondConfig",
    "BridgeConfig",
    "DHCPv4Config",
    "DHCPv6Config",
    "DummyLinkConfig",
    "HCloudVIPConfig",
    "HostnameConfig",
    "Layer2VIPConfig",
    "LinkAliasConfig",
    "LinkConfig",
    "OOMConfig",
    "RegistryAuthConfig",
    "RegistryMirrorConfig",
    "RegistryTLSConfig",
    "ResolverConfig",
    "StaticHostConfig",
    "TimeSyncConfig",
    "VLANConfig",
    "WireguardConfig",
  ],
  "1.13": [
    "BlackholeRouteConfig",
    "EnvironmentConfig",
    "ExternalVolumeConfig",
    "ImageVerificationConfig",
    "KubeSpanConfig",
    "RoutingRuleConfig",
    "TCPProbeConfig",
    "VRFConfig",
  ],
  "1.14": [
    "BGPInstanceConfig",
    "CRIBaseRuntimeSpecConfig",
    "CRICustomizationConfig",
    "ContainerConfig",
    "DiscoveryIdentityConfig",
    "DiscoveryServiceConfig",
    "EtcFileConfig",
    "FilesystemScrubConfig",
    "FilesystemTrimConfig",
    "HTTPProbeConfig",
    "ImageCacheConfig",
    "KernelModuleConfig",
    "KubeAPIServerCAConfig",
    "KubeAPIServerConfig",
    "KubeAdmissionControlConfig",
    "KubeAggregatorCAConfig",
    "KubeAuditPolicyConfig",
    "KubeAuthenticationConfig",
    "KubeAuthorizerConfig",
    "KubeClusterConfig",
    "KubeControllerManagerConfig",
    "KubeCoreDNSConfig",
    "KubeCredentialProviderConfig",
    "KubeEtcdEncryptionConfig",
    "KubeExternalManifestConfig",
    "KubeFlannelCNIConfig",
    "KubeInlineManifestConfig",
    "KubeNetworkConfig",
    "KubeNodeConfig",
    "KubePrismConfig",
    "KubeProxyConfig",
    "KubeSchedulerConfig",
    "KubeServiceAccountConfig",
    "KubeStaticPodConfig",
    "KubeTalosAPIAccessConfig",
    "KubeletConfig",
    "LVMLogicalVolumeConfig",
    "LVMVolumeGroupConfig",
    "RAIDArrayConfig",
    "SecurityProfileConfig",
    "SysctlConfig",
    "SysfsConfig",
    "UdevRulesConfig",
    "UnattendedInstallConfig",
    "VethConfig",
  ],
};

/** A v1alpha1 field that a document kind replaces, and which cannot stand beside it. */
export interface Twin {
  /** Path in the v1alpha1 document, as `machine.network.hostname`. */
  readonly field: string;
  /** Part of the document that must be set for the two to clash. @default - the document's mere presence */
  readonly only?: string;
  /** Names of the document to which this applies. @default - any */
  readonly names?: readonly string[];
  /** Only `true` clashes. @default - any value does, `false` included */
  readonly truthy?: true;
}

/**
 * The 30 document kinds that Talos refuses beside their v1alpha1 field (the receivers of `V1Alpha1ConflictValidate`
 * in pkg/machinery/config/types at v1.14.1).
 */
export const TWINS: Readonly<Record<string, readonly Twin[]>> = {
  CRIBaseRuntimeSpecConfig: [{ field: "machine.baseRuntimeSpecOverrides" }],
  DiscoveryIdentityConfig: [{ field: "cluster.id" }, { field: "cluster.secret" }],
  DiscoveryServiceConfig: [{ field: "cluster.discovery" }],
  HostnameConfig: [{ field: "machine.network.hostname" }, { field: "machine.features.stableHostname", truthy: true }],
  ImageCacheConfig: [{ field: "machine.features.imageCache" }],
  KubeAPIServerCAConfig: [{ field: "cluster.ca" }],
  KubeAPIServerConfig: [{ field: "cluster.apiServer" }, { field: "cluster.controlPlane.localAPIServerPort" }],
  KubeAdmissionControlConfig: [{ field: "cluster.apiServer.admissionControl" }],
  KubeAggregatorCAConfig: [{ field: "cluster.aggregatorCA" }],
  KubeAuditPolicyConfig: [{ field: "cluster.apiServer.auditPolicy" }],
  // Talos itself looks at admissionControl here; authorizationConfig is the field the document takes the place of.
  KubeAuthorizerConfig: [
    { field: "cluster.apiServer.authorizationConfig" },
    { field: "cluster.apiServer.admissionControl" },
  ],
  KubeClusterConfig: [{ field: "cluster.clusterName" }, { field: "cluster.controlPlane.endpoint" }],
  KubeControllerManagerConfig: [
    { field: "cluster.controllerManager" },
    { field: "machine.controlPlane.controllerManager" },
  ],
  KubeCoreDNSConfig: [{ field: "cluster.coreDNS" }],
  KubeCredentialProviderConfig: [{ field: "machine.kubelet" }],
  KubeEtcdEncryptionConfig: [
    { field: "cluster.secretboxEncryptionSecret" },
    { field: "cluster.aescbcEncryptionSecret" },
  ],
  KubeFlannelCNIConfig: [{ field: "cluster.network" }],
  KubeNetworkConfig: [{ field: "cluster.network" }],
  KubeNodeConfig: [
    { field: "cluster.allowSchedulingOnControlPlanes" },
    { field: "cluster.allowSchedulingOnMasters" },
    { field: "machine.kubelet.nodeIP" },
    { field: "machine.kubelet.registerWithFQDN" },
    { field: "machine.kubelet.skipNodeRegistration" },
    { field: "machine.nodeAnnotations" },
    { field: "machine.nodeLabels" },
    { field: "machine.nodeTaints" },
  ],
  KubePrismConfig: [{ field: "machine.features.kubePrism" }],
  KubeProxyConfig: [{ field: "cluster.proxy" }],
  KubeSchedulerConfig: [{ field: "cluster.scheduler" }, { field: "machine.controlPlane.scheduler" }],
  KubeServiceAccountConfig: [{ field: "cluster.serviceAccount" }],
  KubeSpanConfig: [{ field: "machine.network.kubespan" }],
  KubeTalosAPIAccessConfig: [{ field: "machine.features.kubernetesTalosAPIAccess" }],
  KubeletConfig: [{ field: "machine.kubelet" }],
  ResolverConfig: [
    { field: "machine.network.searchDomains" },
    { field: "machine.network.nameservers" },
    { field: "machine.network.disableSearchDomain", truthy: true },
    { field: "machine.features.hostDNS", only: "hostDNS" },
  ],
  TimeSyncConfig: [
    { field: "machine.time.disabled", truthy: true },
    { field: "machine.time.servers" },
    { field: "machine.time.bootTimeout" },
  ],
  UnattendedInstallConfig: [{ field: "machine.install" }],
  VolumeConfig: [
    { field: "machine.systemDiskEncryption.state", only: "encryption", names: ["STATE"] },
    { field: "machine.systemDiskEncryption.ephemeral", only: "encryption", names: ["EPHEMERAL"] },
  ],
};

/** Every document kind a contract may use, sorted. The v1alpha1 document itself has no kind and is not listed. */
export function documentsOf(contract: Contract): readonly string[] {
  const minor = contract.slice(1);
  return Object.entries(INTRODUCED)
    .filter(([since]) => compareMinors(since, minor) <= 0)
    .flatMap(([, kinds]) => kinds)
    .sort();
}

/** Minor that introduced a document kind (`1.12`); undefined for a kind that is in no known release. */
export function introducedIn(kind: string): string | undefined {
  return Object.entries(INTRODUCED).find(([, kinds]) => kinds.includes(kind))?.[0];
}

/** The oldest contract that may use a kind; undefined for an unknown kind. */
export function contractFor(kind: string): Contract | undefined {
  return CONTRACTS.find((contract) => documentsOf(contract).includes(kind));
}

/** Documents that stand beside the v1alpha1 field they replace: Talos refuses such a configuration. */
export function twinProblems(documents: readonly ConfigDocument[]): readonly Problem[] {
  const legacy = documents.filter((document) => document.kind === undefined);
  return documents.flatMap((document) => {
    const kind = document.kind;
    if (typeof kind !== "string") return [];
    return (TWINS[kind] ?? [])
      .filter(
        (twin) => clashes(document, twin) && legacy.some((config) => isSet(valueAt(config, twin.field), twin.truthy)),
      )
      .map((twin) => ({
        path: kind,
        reason: `the document stands beside its older form, the field ${twin.field}`,
        fix: `keep one of the two: Talos refuses both together`,
      }));
  });
}

function clashes(document: ConfigDocument, twin: Twin): boolean {
  const named = twin.names === undefined || twin.names.includes(String(document.name));
  return named && (twin.only === undefined || isSet(valueAt(document, twin.only)));
}

/** Talos compares values, not keys: what is absent, empty text, an empty list and zero count as not set. */
function isSet(value: unknown, truthy?: true): boolean {
  if (truthy) return value === true;
  if (value === undefined || value === null || value === "" || value === 0) return false;
  return !Array.isArray(value) || value.length > 0;
}
