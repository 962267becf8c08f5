import type { ConfigDocument } from "../../../components/talos/config/yaml";

/** One document and one older field that exclude each other, both as small as Talos takes them. */
export interface Pair {
  readonly kind: string;
  readonly document: ConfigDocument;
  readonly field: string;
  readonly value: unknown;
  /** First contract in which the document has the part that excludes the field. @default - the document's own */
  readonly contract?: "v1.14";
  /** Talos lets this one through; plinth refuses it all the same. */
  readonly unnoticed?: true;
}

const IMAGE = "registry.k8s.io/kube-x:v1.34.1";
const KEYS = { provider: "luks2", keys: [{ slot: 0, nodeID: {} }] };
const CERTIFICATE = { crt: "Q0VSVA==", key: "S0VZ" };
const ISSUING = { cert: "CERT", key: "KEY" };
const HOSTNAME = { auto: "off", hostname: "cp-1" };
const NODE = { labels: { a: "b" } };

export const PAIRS: readonly Pair[] = [
  {
    kind: "CRIBaseRuntimeSpecConfig",
    document: { overrides: { process: {} } },
    field: "machine.baseRuntimeSpecOverrides",
    value: { process: { rlimits: [] } },
  },
  {
    kind: "DiscoveryIdentityConfig",
    document: { clusterID: "aWQ=", clusterSecret: "c2VjcmV0" },
    field: "cluster.id",
    value: "aWQ=",
  },
  {
    kind: "DiscoveryIdentityConfig",
    document: { clusterID: "aWQ=", clusterSecret: "c2VjcmV0" },
    field: "cluster.secret",
    value: "c2VjcmV0",
  },
  {
    kind: "DiscoveryServiceConfig",
    document: { name: "default", endpoint: "https://discovery.lab/" },
    field: "cluster.discovery",
    value: { enabled: true },
  },
  { kind: "HostnameConfig", document: HOSTNAME, field: "machine.network.hostname", value: "cp-1" },
  { kind: "HostnameConfig", document: HOSTNAME, field: "machine.features.stableHostname", value: true },
  {
    kind: "ImageCacheConfig",
    document: { local: { enabled: true } },
    field: "machine.features.imageCache",
    value: { localEnabled: true },
  },
  { kind: "KubeAPIServerCAConfig", document: { issuingCA: ISSUING }, field: "cluster.ca", value: CERTIFICATE },
  { kind: "KubeAPIServerConfig", document: { image: IMAGE }, field: "cluster.apiServer", value: { image: IMAGE } },
  {
    kind: "KubeAPIServerConfig",
    document: { image: IMAGE },
    field: "cluster.controlPlane.localAPIServerPort",
    value: 6444,
  },
  {
    kind: "KubeAdmissionControlConfig",
    document: { name: "PodSecurity", configuration: { kind: "PodSecurityConfiguration" } },
    field: "cluster.apiServer.admissionControl",
    value: [{ name: "PodSecurity", configuration: { kind: "PodSecurityConfiguration" } }],
  },
  {
    kind: "KubeAggregatorCAConfig",
    document: { issuingCA: ISSUING },
    field: "cluster.aggregatorCA",
    value: CERTIFICATE,
  },
  {
    kind: "KubeAuditPolicyConfig",
    document: { configuration: { kind: "Policy" } },
    field: "cluster.apiServer.auditPolicy",
    value: { kind: "Policy", rules: [] },
  },
  {
    kind: "KubeAuthorizerConfig",
    document: { name: "node", type: "Node" },
    field: "cluster.apiServer.authorizationConfig",
    value: [{ name: "hook", type: "Webhook", webhook: { timeout: "3s" } }],
    unnoticed: true,
  },
  {
    kind: "KubeAuthorizerConfig",
    document: { name: "node", type: "Node" },
    field: "cluster.apiServer.admissionControl",
    value: [{ name: "PodSecurity", configuration: { kind: "PodSecurityConfiguration" } }],
  },
  {
    kind: "KubeClusterConfig",
    document: { clusterName: "lab", endpoint: "https://10.0.0.10:6443" },
    field: "cluster.clusterName",
    value: "lab",
  },
  {
    kind: "KubeClusterConfig",
    document: { clusterName: "lab", endpoint: "https://10.0.0.10:6443" },
    field: "cluster.controlPlane.endpoint",
    value: "https://10.0.0.10:6443",
  },
  {
    kind: "KubeControllerManagerConfig",
    document: { image: IMAGE },
    field: "cluster.controllerManager",
    value: { image: IMAGE },
  },
  {
    kind: "KubeControllerManagerConfig",
    document: { image: IMAGE },
    field: "machine.controlPlane.controllerManager",
    value: { disabled: true },
  },
  { kind: "KubeCoreDNSConfig", document: { enabled: true }, field: "cluster.coreDNS", value: { image: IMAGE } },
  {
    kind: "KubeCredentialProviderConfig",
    document: { configuration: { kind: "CredentialProviderConfig" } },
    field: "machine.kubelet",
    value: { image: IMAGE },
  },
  {
    kind: "KubeEtcdEncryptionConfig",
    document: { config: { resources: [] } },
    field: "cluster.secretboxEncryptionSecret",
    value: "c2VjcmV0",
  },
  {
    kind: "KubeEtcdEncryptionConfig",
    document: { config: { resources: [] } },
    field: "cluster.aescbcEncryptionSecret",
    value: "c2VjcmV0",
  },
  {
    kind: "KubeFlannelCNIConfig",
    document: { backendType: "vxlan", backendPort: 4789 },
    field: "cluster.network",
    value: { dnsDomain: "lab.local" },
  },
  {
    kind: "KubeNetworkConfig",
    document: { dnsDomain: "lab.local", podSubnets: ["10.244.0.0/16"], serviceSubnets: ["10.96.0.0/12"] },
    field: "cluster.network",
    value: { dnsDomain: "lab.local" },
  },
  { kind: "KubeNodeConfig", document: NODE, field: "cluster.allowSchedulingOnControlPlanes", value: false },
  { kind: "KubeNodeConfig", document: NODE, field: "cluster.allowSchedulingOnMasters", value: true },
  { kind: "KubeNodeConfig", document: NODE, field: "machine.kubelet.nodeIP", value: { validSubnets: ["10.0.0.0/8"] } },
  { kind: "KubeNodeConfig", document: NODE, field: "machine.kubelet.registerWithFQDN", value: false },
  { kind: "KubeNodeConfig", document: NODE, field: "machine.kubelet.skipNodeRegistration", value: false },
  { kind: "KubeNodeConfig", document: NODE, field: "machine.nodeAnnotations", value: { a: "b" } },
  { kind: "KubeNodeConfig", document: NODE, field: "machine.nodeLabels", value: { a: "b" } },
  { kind: "KubeNodeConfig", document: NODE, field: "machine.nodeTaints", value: { a: "b:NoSchedule" } },
  { kind: "KubePrismConfig", document: { port: 7445 }, field: "machine.features.kubePrism", value: { enabled: false } },
  {
    kind: "KubeProxyConfig",
    document: { enabled: true, image: IMAGE },
    field: "cluster.proxy",
    value: { disabled: true },
  },
  { kind: "KubeSchedulerConfig", document: { image: IMAGE }, field: "cluster.scheduler", value: { image: IMAGE } },
  {
    kind: "KubeSchedulerConfig",
    document: { image: IMAGE },
    field: "machine.controlPlane.scheduler",
    value: { disabled: true },
  },
  {
    kind: "KubeServiceAccountConfig",
    document: { issuer: { issuerURL: "https://10.0.0.10:6443", privateKey: "KEY" } },
    field: "cluster.serviceAccount",
    value: { key: "S0VZ" },
  },
  { kind: "KubeSpanConfig", document: { enabled: true }, field: "machine.network.kubespan", value: { enabled: true } },
  {
    kind: "KubeTalosAPIAccessConfig",
    document: { allowedRoles: ["os:reader"], allowedKubernetesNamespaces: ["kube-system"] },
    field: "machine.features.kubernetesTalosAPIAccess",
    value: { enabled: false },
  },
  { kind: "KubeletConfig", document: { image: IMAGE }, field: "machine.kubelet", value: { image: IMAGE } },
  {
    kind: "ResolverConfig",
    document: { nameservers: [{ address: "10.0.0.1" }] },
    field: "machine.network.nameservers",
    value: ["10.0.0.1"],
  },
  {
    kind: "ResolverConfig",
    document: { nameservers: [{ address: "10.0.0.1" }] },
    field: "machine.network.searchDomains",
    value: ["lab"],
  },
  {
    kind: "ResolverConfig",
    document: { nameservers: [{ address: "10.0.0.1" }] },
    field: "machine.network.disableSearchDomain",
    value: true,
  },
  {
    kind: "ResolverConfig",
    document: { hostDNS: { enabled: true } },
    field: "machine.features.hostDNS",
    contract: "v1.14",
    value: { enabled: true },
  },
  { kind: "TimeSyncConfig", document: { ntp: { servers: ["ntp.lab"] } }, field: "machine.time.disabled", value: true },
  {
    kind: "TimeSyncConfig",
    document: { ntp: { servers: ["ntp.lab"] } },
    field: "machine.time.servers",
    value: ["ntp.lab"],
  },
  {
    kind: "TimeSyncConfig",
    document: { ntp: { servers: ["ntp.lab"] } },
    field: "machine.time.bootTimeout",
    value: "2m0s",
  },
  {
    kind: "UnattendedInstallConfig",
    document: { provisioning: { diskSelector: { match: 'disk.dev_path == "/dev/sda"' } } },
    field: "machine.install",
    value: { disk: "/dev/sda" },
  },
  {
    kind: "VolumeConfig",
    document: { name: "STATE", encryption: KEYS },
    field: "machine.systemDiskEncryption.state",
    value: KEYS,
  },
  {
    kind: "VolumeConfig",
    document: { name: "EPHEMERAL", encryption: KEYS },
    field: "machine.systemDiskEncryption.ephemeral",
    value: KEYS,
  },
];
