import { z } from "zod";
import { PUBLIC_FACTORY } from "../../boot/assets";
import { contract, host, name, registry, version } from "../fields";
import { mirrors, registries } from "./registries";

/** One key of an encrypted volume. */
export const volumeKey = z
  .strictObject({
    by: z
      .enum(["tpm", "nodeId", "kms", "passphrase"])
      .describe(
        "What opens the volume: the machine's TPM 2.0, its UUID, a key management server, or a passphrase of this stack.",
      ),
    pcrs: z
      .array(z.int().min(0, "there is no such PCR").max(23, "there is no such PCR"))
      .optional()
      .describe("Measurements that the TPM key is sealed to. Only with by: tpm. Default: 7, the state of Secure Boot."),
    endpoint: z
      .url({ protocol: /^https$/, error: "write it as https://kms.example.org:4050" })
      .optional()
      .describe("Key management server. Only with by: kms."),
    secret: name
      .optional()
      .describe(
        "Secret of this stack's configuration that holds the passphrase: pulumi config set --secret secrets:NAME. Only with by: passphrase, and not for state.",
      ),
    lockToState: z
      .boolean()
      .optional()
      .describe("Whether EPHEMERAL opens only beside the STATE it was made with. Only for ephemeral. Default: false."),
  })
  .describe("One key of a volume; its place in the list is its slot. A change takes a reboot.");

/** Disk encryption of a machine's system volumes, also read by the rules between fields. */
export const encryption = z.strictObject({
  state: z
    .array(volumeKey)
    .optional()
    .describe("Keys of STATE, which holds the machine configuration. At least two, of different kinds."),
  ephemeral: z
    .array(volumeKey)
    .optional()
    .describe("Keys of EPHEMERAL, which holds etcd, images and pods. At least two, of different kinds."),
});

/** What is asked of Talos Linux. */
export const talos = z.strictObject({
  version: version.describe(
    "Talos version that shall run. A change upgrades node by node, minor by minor, behind a snapshot of etcd, and reboots each; a preview and plinth upgrade plan show the steps.",
  ),
  configContract: contract.describe(
    "Talos minor whose configuration format is written. Begin with the minor of talos.version and leave it: an upgrade does not change it.",
  ),
  extensions: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Official system extensions of the image, as siderolabs/iscsi-tools. A change reinstalls the image and reboots node by node.",
    ),
  kernelArgs: z
    .array(z.string().min(1))
    .default([])
    .describe("Kernel arguments of the image. A change reinstalls the image and reboots node by node."),
  schematic: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "write 64 lower-case hex digits, as the Image Factory names the image")
    .optional()
    .describe("Image Factory schematic id to use instead of extensions and kernelArgs. Default: computed from them."),
  secureBoot: z
    .boolean()
    .default(false)
    .describe(
      "Whether the machines install and boot the Secure Boot image; their firmware has to hold its keys. Used at installation only.",
    ),
  encryption: encryption
    .optional()
    .describe(
      "Disk encryption of every machine that has none of its own. To begin or end it on an installed machine loses its data: it is installed anew.",
    ),
  factory: registry
    .default(PUBLIC_FACTORY)
    .describe(
      "Image Factory or registry that serves installer images. A change takes effect at the next install or upgrade.",
    ),
  mirrors: mirrors
    .optional()
    .describe(
      "Where the machines fetch images instead, by the registry that their names begin with, as docker.io; * stands for every registry without an entry. Also for pods. In place, nothing restarts. Default: from the registries themselves.",
    ),
  registries: registries
    .optional()
    .describe(
      "Certificates of registries and mirrors, by host and port. A change reboots the nodes, from Talos 1.14 on it restarts their container runtime. Default: the public authorities are believed.",
    ),
  onDestroy: z
    .enum(["keep", "reset"])
    .default("keep")
    .describe(
      "What a destroy, and the removal of a worker, does to the machines: keep leaves them running, reset wipes them back to maintenance mode.",
    ),
  allow: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Paths of machine configurations, each with everything below it, whose change may lose data or reboot several control planes, as machine.systemDiskEncryption; and downgrade, for steps back to an older version. Meant for one update; in place.",
    ),
});

/** What is asked of Kubernetes. */
export const kubernetes = z.strictObject({
  version: version.describe(
    "Kubernetes version that shall run. A change is rolled out minor by minor by Talos' own upgrade, component by component, behind a snapshot of etcd.",
  ),
  apiServer: z
    .strictObject({
      extraArgs: z
        .record(z.string(), z.string())
        .default({})
        .describe(
          "Arguments of kube-apiserver, by name without dashes; what Talos sets itself is refused. A change restarts it, one control plane at a time.",
        ),
      certSANs: z
        .array(host)
        .default([])
        .describe("Further names in its certificate. A change restarts it, one control plane at a time."),
    })
    .optional()
    .describe("Settings of the Kubernetes API server."),
  cni: z
    .enum(["flannel", "none"])
    .default("flannel")
    .describe(
      "Who brings the pod network: Talos' flannel, or none because a component installs another. A change replaces the pod network.",
    ),
  scheduleOnControlPlanes: z
    .boolean()
    .default(false)
    .describe("Whether ordinary pods may run on control planes. In place."),
});
