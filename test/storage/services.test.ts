import { parse } from "yaml";
import type { PlatformService, SecretPiece } from "../../components/kubernetes/service";
import { chartPin } from "../../components/release/versions";
import { localPathService } from "../../components/storage/service/localpath";
import { longhornService } from "../../components/storage/service/longhorn";
import { openEbsService } from "../../components/storage/service/openebs";
import { defaultClass, proxmoxCsiService } from "../../components/storage/service/proxmoxcsi";
import { seaweedFsService } from "../../components/storage/service/seaweedfs";

const nodes = ["worker-2", "worker-1"];

/** The pieces that a text of a Secret is put together from. */
function piecesOf({ secrets }: PlatformService, key: string, file: string): readonly SecretPiece[] {
  const text = secrets?.[key]?.text ?? {};
  const found = Object.entries(text).find(([name]) => name === file)?.[1];
  return Array.isArray(found) ? found : [];
}

test("local-path: a folder on the machines that are named, and a class for them alone", () => {
  const { directory, chart } = localPathService({ nodes });
  expect(directory).toEqual({ name: "local-path", nodes });
  expect(chart?.values).toMatchObject({
    nodePathMap: [
      { node: "worker-2", paths: ["/var/mnt/local-path"] },
      { node: "worker-1", paths: ["/var/mnt/local-path"] },
    ],
    storageClass: {
      allowedTopologies: [
        { matchLabelExpressions: [{ key: "kubernetes.io/hostname", values: ["worker-1", "worker-2"] }] },
      ],
    },
  });
});

test("OpenEBS: a class of its own for the machines that have the folder, and never the folder of the chart", () => {
  const { directory, chart, objects } = openEbsService({ nodes, profile: "production", reclaim: "Retain" });
  expect(directory).toEqual({ name: "openebs", nodes });
  expect(chart?.values).toEqual({
    analytics: { enabled: false },
    hostpathClass: { enabled: false },
    localpv: { basePath: "/var/mnt/openebs", replicas: 2 },
  });
  const { metadata, ...fields } = objects?.class ?? { metadata: { name: "" } };
  expect(parse(metadata.annotations?.["cas.openebs.io/config"] ?? "")).toEqual([
    { name: "StorageType", value: "hostpath" },
    { name: "BasePath", value: "/var/mnt/openebs" },
  ]);
  expect(fields).toMatchObject({
    provisioner: "openebs.io/local",
    reclaimPolicy: "Retain",
    volumeBindingMode: "WaitForFirstConsumer",
    allowedTopologies: [
      { matchLabelExpressions: [{ key: "kubernetes.io/hostname", values: ["worker-1", "worker-2"] }] },
    ],
  });
});

test("only the default class meets the need for storage", () => {
  expect(localPathService({ nodes }).provides).toEqual(["storage", "storage-class:local-path"]);
  expect(localPathService({ nodes, isDefault: false }).provides).toEqual(["storage-class:local-path"]);
  const { provides, objects } = openEbsService({ nodes, isDefault: false });
  expect(provides).toEqual(["storage-class:openebs-hostpath"]);
  expect(objects?.class?.metadata.annotations?.["storageclass.kubernetes.io/is-default-class"]).toBe("false");
});

test("Longhorn: as many copies as the profile says, the second engine off, its folder where the kubelet sees it", () => {
  const values = (profile: "minimal" | "standard" | "production") =>
    longhornService({ profile, nodes }).chart?.values as {
      defaultSettings: Record<string, unknown>;
      persistence: { defaultClassReplicaCount: number };
    };
  expect(
    ["minimal", "standard", "production"].map((each) => values(each as "minimal").persistence.defaultClassReplicaCount),
  ).toEqual([1, 2, 3]);
  expect(values("standard").defaultSettings).toMatchObject({
    v2DataEngine: false,
    defaultDataPath: "/var/mnt/longhorn",
  });
  expect(longhornService({ nodes, v2: true }).warnings?.[0]).toContain(
    "one core of every storage machine busy at 100 %",
  );
});

test("Longhorn: where it runs, another version waits for a backup, and never goes back by itself", () => {
  const [check] = Object.values(longhornService({ nodes }).guard?.done ?? {});
  expect(check).toMatchObject({
    kind: "SystemBackup",
    name: `before-${chartPin("longhorn").version.replace(/\./g, "-")}`,
    equals: "Ready",
    onlyWith: {
      kind: "DaemonSet",
      name: "longhorn-manager",
      unlessLabels: { "helm.sh/chart": `longhorn-${chartPin("longhorn").version}` },
    },
  });
  expect(chartPin("longhorn").irreversible).toBe(true);
  expect(longhornService({ nodes }).warnings?.at(-1)).toContain("deleting-confirmation-flag");
});

describe("Proxmox CSI", () => {
  const settings = {
    url: "https://pve.example.org:8006/api2/json",
    region: "home",
    tokenId: "csi@pve!csi",
    classes: { fast: { storage: "local-zfs" }, bulk: { storage: "tank", isDefault: false } },
  };

  test("its file is sound YAML with the token from the stack, and the token stands nowhere else", () => {
    const service = proxmoxCsiService(settings);
    const pieces = piecesOf(service, "config", "config.yaml");
    const written = pieces.map((piece) => (typeof piece === "string" ? piece : "0b7a-token")).join("");
    expect(parse(written)).toEqual({
      clusters: [
        { insecure: false, region: "home", token_id: "csi@pve!csi", token_secret: "0b7a-token", url: settings.url },
      ],
    });
    expect(pieces.filter((piece) => typeof piece !== "string")).toEqual([{ stack: "proxmox-csi" }]);
    expect(service.chart?.values).toMatchObject({ existingConfigSecret: "proxmox-csi-config" });
    expect(service.chart?.podAnnotations).toBe("podAnnotations");
  });

  test("its classes are not the chart's, which could never change them", () => {
    const { chart, objects } = proxmoxCsiService({ ...settings, classes: { fast: { storage: "local-zfs" } } });
    expect(chart?.values).not.toHaveProperty("storageClass");
    expect(objects?.["class-fast"]).toEqual({
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "fast", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
      provisioner: "csi.proxmox.sinextra.dev",
      parameters: { "csi.storage.k8s.io/fstype": "ext4", storage: "local-zfs" },
      reclaimPolicy: "Delete",
      volumeBindingMode: "WaitForFirstConsumer",
      allowVolumeExpansion: true,
    });
  });

  test("exactly one class is the default, unless none shall be", () => {
    expect(defaultClass({ b: { storage: "x" }, a: { storage: "y" } })).toBe("a");
    expect(defaultClass({ b: { storage: "x", isDefault: true }, a: { storage: "y" } })).toBe("b");
    expect(defaultClass({ a: { storage: "y", isDefault: false } })).toBeUndefined();
    expect(proxmoxCsiService(settings).provides).toEqual(["storage-class:bulk", "storage", "storage-class:fast"]);
  });
});

test("SeaweedFS: its keys are kept, its configuration is JSON, and production has copies", () => {
  const service = seaweedFsService({ profile: "production" });
  const pieces = piecesOf(service, "s3", "seaweedfs_s3_config");
  const written = pieces.map((piece) => (typeof piece === "string" ? piece : Object.values(piece)[0])).join("");
  expect(JSON.parse(written).identities[0].credentials).toEqual([
    { accessKey: "s3-access-key", secretKey: "s3-secret-key" },
  ]);
  expect(Object.keys(service.keep?.passwords ?? {})).toEqual(["s3-access-key", "s3-secret-key"]);
  expect(service.chart?.values).toMatchObject({ global: { seaweedfs: { enableReplication: true } } });
});
