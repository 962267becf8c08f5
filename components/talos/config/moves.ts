import type { Contract } from "../releases";
import { DISK_TYPE, diskExpression, parseSize } from "./disk";
import { moveInterfaces, unknownKey } from "./movelinks";
import { configDocument } from "./network";
import { type ConfigDocument, isDocument, valueAt } from "./yaml";

/** Fields that belong together, and the documents that take their place from a contract on. */
export interface Move {
  readonly contract: Contract;
  /** Taken out of the main document together. */
  readonly fields: readonly string[];
  /** The documents (none when silence says the same), or why the fields stay. */
  readonly convert: (main: ConfigDocument) => readonly ConfigDocument[] | string;
}

const CONTROL_PLANE = "node-role.kubernetes.io/control-plane";
/** The service that v1alpha1's discovery uses unless told otherwise (constants.go, DefaultDiscoveryServiceEndpoint). */
const DISCOVERY_SERVICE = "https://discovery.talos.dev/";

/** Sources: the deprecation notes of the releases 1.12 to 1.14 and their bridges from v1alpha1 (`v1alpha1_*_bridge.go`). */
export const MOVES: readonly Move[] = [
  {
    contract: "v1.12",
    fields: ["machine.network.hostname", "machine.features.stableHostname"],
    convert: (main) => {
      const hostname = valueAt(main, "machine.network.hostname");
      if (hostname !== undefined) return [configDocument("HostnameConfig", { auto: "off", hostname })];
      const stable = valueAt(main, "machine.features.stableHostname") === true;
      return stable ? [configDocument("HostnameConfig", { auto: "stable" })] : [];
    },
  },
  {
    contract: "v1.12",
    fields: ["machine.network.interfaces"],
    convert: (main) => moveInterfaces(valueAt(main, "machine.network.interfaces")),
  },
  {
    contract: "v1.12",
    fields: ["machine.network.nameservers", "machine.network.searchDomains", "machine.network.disableSearchDomain"],
    convert: (main) => [
      configDocument("ResolverConfig", {
        nameservers: list(valueAt(main, "machine.network.nameservers")).map((address) => ({ address })),
        searchDomains: {
          domains: valueAt(main, "machine.network.searchDomains"),
          disableDefault: valueAt(main, "machine.network.disableSearchDomain"),
        },
      }),
    ],
  },
  {
    contract: "v1.12",
    fields: ["machine.network.extraHostEntries"],
    convert: (main) =>
      maps(valueAt(main, "machine.network.extraHostEntries")).map(({ ip, aliases }) =>
        configDocument("StaticHostConfig", { name: ip, hostnames: aliases }),
      ),
  },
  {
    contract: "v1.12",
    fields: ["machine.time.servers", "machine.time.disabled", "machine.time.bootTimeout"],
    convert: (main) => [
      configDocument("TimeSyncConfig", {
        bootTimeout: valueAt(main, "machine.time.bootTimeout"),
        enabled: valueAt(main, "machine.time.disabled") === true ? false : undefined,
        ntp: { servers: valueAt(main, "machine.time.servers") },
      }),
    ],
  },
  {
    contract: "v1.12",
    fields: ["machine.kubelet.extraMounts"],
    convert: (main) => moveFolders(valueAt(main, "machine.kubelet.extraMounts")),
  },
  {
    contract: "v1.12",
    fields: ["machine.registries.mirrors"],
    convert: (main) =>
      named(valueAt(main, "machine.registries.mirrors")).map(([name, { endpoints, overridePath, skipFallback }]) =>
        configDocument("RegistryMirrorConfig", {
          name,
          endpoints: list(endpoints).map((url) => (overridePath === undefined ? { url } : { url, overridePath })),
          skipFallback,
        }),
      ),
  },
  {
    contract: "v1.12",
    fields: ["machine.registries.config"],
    convert: (main) =>
      named(valueAt(main, "machine.registries.config")).flatMap(([name, { auth, tls }]) => [
        ...(isDocument(auth) ? [configDocument("RegistryAuthConfig", { name, ...auth })] : []),
        ...(isDocument(tls) ? [configDocument("RegistryTLSConfig", { name, ...pemFields(tls) })] : []),
      ]),
  },
  {
    contract: "v1.12",
    fields: ["machine.systemDiskEncryption"],
    convert: (main) =>
      named(valueAt(main, "machine.systemDiskEncryption")).map(([volume, encryption]) =>
        configDocument("VolumeConfig", { name: volume.toUpperCase(), encryption }),
      ),
  },
  {
    contract: "v1.13",
    fields: ["machine.env"],
    convert: (main) => [configDocument("EnvironmentConfig", { variables: valueAt(main, "machine.env") })],
  },
  {
    contract: "v1.13",
    fields: ["machine.network.kubespan"],
    convert: (main) => {
      const kubespan = valueAt(main, "machine.network.kubespan");
      return isDocument(kubespan) ? [configDocument("KubeSpanConfig", kubespan)] : "is not a map";
    },
  },
  { contract: "v1.14", fields: ["machine.install"], convert: moveInstall },
  {
    contract: "v1.14",
    fields: ["machine.sysctls"],
    convert: (main) => [configDocument("SysctlConfig", { params: valueAt(main, "machine.sysctls") })],
  },
  {
    contract: "v1.14",
    fields: ["machine.sysfs"],
    convert: (main) => [configDocument("SysfsConfig", { params: valueAt(main, "machine.sysfs") })],
  },
  {
    contract: "v1.14",
    fields: ["machine.kernel.modules"],
    convert: (main) =>
      maps(valueAt(main, "machine.kernel.modules")).map(({ name, parameters }) =>
        configDocument("KernelModuleConfig", { name, parameters }),
      ),
  },
  {
    contract: "v1.14",
    fields: ["machine.udev.rules"],
    convert: (main) => [configDocument("UdevRulesConfig", { rules: valueAt(main, "machine.udev.rules") })],
  },
  {
    contract: "v1.14",
    fields: ["machine.baseRuntimeSpecOverrides"],
    convert: (main) => [
      configDocument("CRIBaseRuntimeSpecConfig", { overrides: valueAt(main, "machine.baseRuntimeSpecOverrides") }),
    ],
  },
  {
    contract: "v1.14",
    fields: ["machine.features.hostDNS"],
    convert: (main) => [configDocument("ResolverConfig", { hostDNS: valueAt(main, "machine.features.hostDNS") })],
  },
  {
    contract: "v1.14",
    fields: ["machine.features.kubePrism"],
    convert: (main) =>
      valueAt(main, "machine.features.kubePrism.enabled") === true
        ? [configDocument("KubePrismConfig", { port: valueAt(main, "machine.features.kubePrism.port") ?? 7445 })]
        : [],
  },
  {
    contract: "v1.14",
    fields: ["machine.features.imageCache"],
    convert: (main) =>
      valueAt(main, "machine.features.imageCache.localEnabled") === true
        ? [configDocument("ImageCacheConfig", { local: { enabled: true } })]
        : [],
  },
  {
    contract: "v1.14",
    fields: ["machine.features.kubernetesTalosAPIAccess"],
    convert: (main) => {
      const access = valueAt(main, "machine.features.kubernetesTalosAPIAccess");
      if (!isDocument(access) || access.enabled !== true) return [];
      const { allowedRoles, allowedKubernetesNamespaces } = access;
      return [configDocument("KubeTalosAPIAccessConfig", { allowedRoles, allowedKubernetesNamespaces })];
    },
  },
  {
    contract: "v1.14",
    fields: [
      "machine.nodeLabels",
      "machine.nodeAnnotations",
      "machine.nodeTaints",
      "machine.kubelet.nodeIP",
      "machine.kubelet.registerWithFQDN",
      "machine.kubelet.skipNodeRegistration",
      "cluster.allowSchedulingOnControlPlanes",
      "cluster.allowSchedulingOnMasters",
    ],
    convert: moveNode,
  },
  { contract: "v1.14", fields: ["machine.kubelet"], convert: moveKubelet },
  {
    contract: "v1.14",
    fields: ["cluster.id", "cluster.secret"],
    convert: (main) => [
      configDocument("DiscoveryIdentityConfig", {
        clusterID: valueAt(main, "cluster.id"),
        clusterSecret: valueAt(main, "cluster.secret"),
      }),
    ],
  },
  { contract: "v1.14", fields: ["cluster.discovery"], convert: moveDiscovery },
  {
    contract: "v1.14",
    fields: ["machine.files"],
    convert: () => "files have several successors (EtcFileConfig, CRICustomizationConfig): move them by hand",
  },
];

/** Parts of an install disk selector that can be written as an expression. */
const DISK_FIELDS = ["wwid", "serial", "model", "busPath", "type", "size"];

function moveInstall(main: ConfigDocument): readonly ConfigDocument[] | string {
  const install = valueAt(main, "machine.install");
  if (!isDocument(install)) return "is not a map";
  const odd = unknownKey(install, ["disk", "diskSelector", "image", "wipe", "grubUseUKICmdline"]);
  if (odd !== undefined) return `the document has nothing for ${odd}`;
  if (install.grubUseUKICmdline !== true)
    return "the boot loader's own kernel arguments are in use (grubUseUKICmdline)";
  const selector = texts(isDocument(install.diskSelector) ? install.diskSelector : { path: install.disk });
  const strange = unknownKey(selector, ["path", ...DISK_FIELDS]);
  if (strange !== undefined) return `plinth cannot write the disk selector's ${strange} as an expression`;
  if (selector.size !== undefined && parseSize(selector.size) === undefined) return "the disk's size cannot be read";
  if (selector.type !== undefined && !(selector.type in DISK_TYPE)) return "the disk's type is not known";
  if (Object.keys(selector).length === 0) return "nothing says which disk";
  const match = diskExpression(selector);
  // The document wipes by default and the field does not: it is always written out.
  return [
    configDocument("UnattendedInstallConfig", {
      installer: { image: install.image },
      provisioning: { diskSelector: { match }, wipe: install.wipe === true },
    }),
  ];
}

/** The field adds the control plane's label and taint silently, the document has to say them. */
function moveNode(main: ConfigDocument): readonly ConfigDocument[] {
  const controlPlane = valueAt(main, "machine.type") === "controlplane";
  const schedulable = ["cluster.allowSchedulingOnControlPlanes", "cluster.allowSchedulingOnMasters"].some(
    (field) => valueAt(main, field) === true,
  );
  return [
    configDocument("KubeNodeConfig", {
      annotations: valueAt(main, "machine.nodeAnnotations"),
      labels: { ...(controlPlane ? { [CONTROL_PLANE]: "" } : {}), ...map(valueAt(main, "machine.nodeLabels")) },
      nodeIP: valueAt(main, "machine.kubelet.nodeIP"),
      registerWithFQDN: valueAt(main, "machine.kubelet.registerWithFQDN"),
      skipNodeRegistration: valueAt(main, "machine.kubelet.skipNodeRegistration"),
      taints: {
        ...(controlPlane && !schedulable ? { [CONTROL_PLANE]: "NoSchedule" } : {}),
        ...map(valueAt(main, "machine.nodeTaints")),
      },
    }),
  ];
}

/** A folder below `/var/mnt` that the kubelet sees at its own path is what a user volume of type directory is. */
function moveFolders(mounts: unknown): readonly ConfigDocument[] | string {
  const names = maps(mounts).map(({ source, destination, type, options }) => {
    const [, name] = /^\/var\/mnt\/([A-Za-z0-9-]+)$/.exec(String(source)) ?? [];
    const plain = type === "bind" && [...list(options)].sort().join() === "bind,rshared,rw";
    return plain && destination === source ? name : undefined;
  });
  const known = names.filter((name) => name !== undefined);
  if (known.length < list(mounts).length) return "a user volume is a folder below /var/mnt, shared at the same path";
  return known.map((name) => configDocument("UserVolumeConfig", { name, volumeType: "directory" }));
}

function moveKubelet(main: ConfigDocument): readonly ConfigDocument[] | string {
  const kubelet = valueAt(main, "machine.kubelet");
  if (!isDocument(kubelet)) return "is not a map";
  if (kubelet.extraMounts !== undefined) return "the document has nothing for extraMounts";
  if (kubelet.disableManifestsDirectory !== true) return "the kubelet's own manifests folder is in use";
  if (kubelet.image === undefined) return "the document needs the kubelet's image, and none is written";
  const { image, extraArgs, extraConfig, clusterDNS, defaultRuntimeSeccompProfileEnabled } = kubelet;
  const credentials = kubelet.credentialProviderConfig;
  return [
    configDocument("KubeletConfig", {
      image,
      extraArgs,
      config: extraConfig,
      clusterDNS,
      defaultRuntimeSeccompProfileEnabled,
    }),
    ...(credentials === undefined
      ? []
      : [configDocument("KubeCredentialProviderConfig", { configuration: credentials })]),
  ];
}

function moveDiscovery(main: ConfigDocument): readonly ConfigDocument[] | string {
  if (valueAt(main, "cluster.discovery.enabled") === false) return [];
  if (valueAt(main, "cluster.discovery.registries.kubernetes.disabled") !== true) {
    return "discovery through Kubernetes is in use, which has no document";
  }
  if (valueAt(main, "cluster.discovery.registries.service.disabled") === true) return [];
  const endpoint = valueAt(main, "cluster.discovery.registries.service.endpoint") ?? DISCOVERY_SERVICE;
  return [configDocument("DiscoveryServiceConfig", { name: "default", endpoint })];
}

/** The older form holds certificates in base64, the newer as text. */
function pemFields(tls: ConfigDocument): ConfigDocument {
  const { ca, clientIdentity, insecureSkipVerify } = tls;
  const identity = isDocument(clientIdentity)
    ? { cert: decode(clientIdentity.crt), key: decode(clientIdentity.key) }
    : undefined;
  return { ca: decode(ca), clientIdentity: identity, insecureSkipVerify };
}

function decode(value: unknown): unknown {
  return typeof value === "string" ? Buffer.from(value, "base64").toString("utf8") : value;
}

/** The values that are set, as text: an unquoted serial number is a number to YAML. */
function texts(document: ConfigDocument): Readonly<Record<string, string>> {
  const entries = Object.entries(document).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function maps(value: unknown): readonly ConfigDocument[] {
  return list(value).filter(isDocument);
}

function map(value: unknown): ConfigDocument {
  return isDocument(value) ? value : {};
}

function named(value: unknown): readonly (readonly [string, ConfigDocument])[] {
  return Object.entries(map(value)).flatMap(([name, inner]) => (isDocument(inner) ? [[name, inner] as const] : []));
}
