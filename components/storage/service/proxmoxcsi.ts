import { stringify } from "yaml";
import { deploymentAvailable, type ObjectSpec, type PlatformService } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";
import { classExists, provided } from "./class";

/** Settings of the Proxmox CSI driver. */
export interface ProxmoxCsiSettings {
  /** API of the Proxmox cluster, as https://pve.example.org:8006/api2/json. In place. */
  readonly url: string;
  /** Region that every machine has as its label `topology.kubernetes.io/region`. Replaces nothing; volumes keep theirs. */
  readonly region: string;
  /** Id of an API token, as kubernetes-csi@pve!csi. In place. */
  readonly tokenId: string;
  /** Secret of the stack's configuration that holds the token. In place; another token restarts the driver. @default "proxmox-csi" */
  readonly token?: string;
  /** Whether a certificate that nobody signed is taken. In place. @default false */
  readonly insecure?: boolean;
  /** Storage classes by name, each with the storage of Proxmox that holds its volumes. */
  readonly classes: { readonly [name: string]: ProxmoxClass };
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

/** A storage class of Proxmox. */
export interface ProxmoxClass {
  /** Storage of Proxmox, as local-zfs. Replaces the class; volumes keep theirs. */
  readonly storage: string;
  /** File system of its volumes. Replaces the class; volumes keep theirs. @default "ext4" */
  readonly filesystem?: "ext4" | "xfs";
  /** What happens to a volume whose claim goes. Replaces the class; volumes keep theirs. @default "Delete" */
  readonly reclaim?: "Delete" | "Retain";
  /** Whether it is taken by claims that name none. In place. @default - the first by name is, unless another says so */
  readonly isDefault?: boolean;
}

const NAMESPACE = "csi-proxmox";
const CONFIG = "proxmox-csi-config";
const CONTROL_PLANE = "node-role.kubernetes.io/control-plane";

/** Volumes as disks of virtual machines, on the storages of a Proxmox cluster. */
export function proxmoxCsiService(settings: ProxmoxCsiSettings): PlatformService {
  const { classes, token = "proxmox-csi", values = {} } = settings;
  const names = Object.keys(classes).sort();
  const standard = defaultClass(classes);
  return {
    type: "plinth:storage:ProxmoxCsi",
    name: "proxmox-csi",
    needs: ["network"],
    provides: names.flatMap((name) => provided(name, name === standard)),
    namespace: { name: NAMESPACE, podSecurity: "privileged" },
    secrets: {
      config: { namespace: NAMESPACE, name: CONFIG, text: { "config.yaml": configText(settings, token) } },
    },
    chart: {
      name: "proxmox-csi-plugin",
      namespace: NAMESPACE,
      podAnnotations: "podAnnotations",
      values: mergeValues(
        {
          existingConfigSecret: CONFIG,
          nodeSelector: { [CONTROL_PLANE]: "" },
          tolerations: [{ key: CONTROL_PLANE, effect: "NoSchedule" }],
          node: { tolerations: [{ operator: "Exists" }] },
        },
        values,
      ),
    },
    // Not among the chart's own: Helm could not change them, and every upgrade that tried would go back.
    objects: Object.fromEntries(
      names.map((name) => [`class-${name}`, storageClass(name, classes[name], name === standard)]),
    ),
    exit: {
      "Proxmox CSI makes volumes": deploymentAvailable(NAMESPACE, "proxmox-csi-plugin-controller"),
      ...Object.fromEntries(names.map((name) => [`storage class ${name} is there`, classExists(name)])),
    },
  };
}

/** The class for claims that name none; `undefined` where every class says it is not. */
export function defaultClass(classes: ProxmoxCsiSettings["classes"]): string | undefined {
  const names = Object.keys(classes).sort();
  return (
    names.find((name) => classes[name]?.isDefault === true) ?? names.find((name) => classes[name]?.isDefault !== false)
  );
}

function storageClass(
  name: string,
  { storage, filesystem = "ext4", reclaim = "Delete" }: ProxmoxClass = { storage: "" },
  isDefault: boolean,
): ObjectSpec {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name, annotations: { "storageclass.kubernetes.io/is-default-class": String(isDefault) } },
    provisioner: "csi.proxmox.sinextra.dev",
    parameters: { "csi.storage.k8s.io/fstype": filesystem, storage },
    reclaimPolicy: reclaim,
    volumeBindingMode: "WaitForFirstConsumer",
    allowVolumeExpansion: true,
  };
}

/** The driver's own file, with the token where it belongs. */
function configText({ url, region, tokenId, insecure = false }: ProxmoxCsiSettings, token: string) {
  const mark = "TOKEN";
  const text = stringify({
    clusters: [{ insecure, region, token_id: tokenId, token_secret: mark, url }],
  });
  const [before = "", after = ""] = text.split(`token_secret: ${mark}`);
  return [`${before}token_secret: "`, { stack: token }, `"${after}`] as const;
}
