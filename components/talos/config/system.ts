import { diskExpression } from "./disk";
import type { NodeModel, VolumeKey, VolumeKeys } from "./model";
import { configDocument } from "./network";
import type { Has } from "./render";
import type { ConfigDocument } from "./yaml";

/** Disk encryption, folders for volumes, environment, kernel parameters and installation as documents, each from the contract that has it. */
export function systemDocuments(model: NodeModel, has: Has): readonly ConfigDocument[] {
  return [
    ...volume("STATE", model.encryption?.state, has),
    ...volume("EPHEMERAL", model.encryption?.ephemeral, has),
    ...(has("1.12")
      ? (model.directories ?? []).map((name) => configDocument("UserVolumeConfig", { name, volumeType: "directory" }))
      : []),
    ...(has("1.13") && isAny(model.environment)
      ? [configDocument("EnvironmentConfig", { variables: model.environment })]
      : []),
    ...(has("1.14") && isAny(model.sysctls) ? [configDocument("SysctlConfig", { params: model.sysctls })] : []),
    ...(has("1.14") ? (model.kernelModules ?? []).map((name) => configDocument("KernelModuleConfig", { name })) : []),
    ...(has("1.14") && model.install !== undefined
      ? [
          configDocument("UnattendedInstallConfig", {
            installer: { image: model.install.image },
            // The document wipes the disk by default; what is on a disk is never plinth's to erase unasked.
            provisioning: { diskSelector: { match: diskExpression(model.install.disk) }, wipe: false },
          }),
        ]
      : []),
  ];
}

function volume(name: string, keys: VolumeKeys | undefined, has: Has): readonly ConfigDocument[] {
  if (keys === undefined) return [];
  return [
    configDocument("VolumeConfig", {
      name,
      encryption: { provider: "luks2", keys: keys.map((key, slot) => keySlot(key, slot, has)) },
    }),
  ];
}

function keySlot(key: VolumeKey, slot: number, has: Has): ConfigDocument {
  return { slot, ...unlocker(key, has), ...(key.lockToState === undefined ? {} : { lockToState: key.lockToState }) };
}

function unlocker(key: VolumeKey, has: Has): ConfigDocument {
  switch (key.kind) {
    case "tpm": {
      // PCR 7 is written out where it can be, so that a changed default of a later Talos does not lock the volume.
      const options = has("1.12") ? { options: { pcrs: key.pcrs ?? [7] } } : {};
      return { tpm: { checkSecurebootStatusOnEnroll: true, ...options } };
    }
    case "nodeId":
      return { nodeID: {} };
    case "kms":
      return { kms: { endpoint: key.endpoint } };
    case "static":
      return { static: { passphrase: key.passphrase } };
  }
}

/** Whether a map is there and has an entry. */
export function isAny(map: Readonly<Record<string, unknown>> | undefined): boolean {
  return map !== undefined && Object.keys(map).length > 0;
}
