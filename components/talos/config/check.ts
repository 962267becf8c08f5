import type { Problem } from "../../problem";
import type { Contract } from "../releases";
import { compareMinors } from "../version";
import { parseSize } from "./disk";
import type { NodeModel, VolumeKeys } from "./model";

/**
 * What a contract cannot express, and what Talos would take but a person would regret. Addresses, names and versions are
 * the site file's to check; here are only the rules that depend on how the configuration is written.
 */
export function nodeProblems(model: NodeModel, contract: Contract): readonly Problem[] {
  return [
    ...installProblems(model, contract),
    ...vipProblems(model),
    ...controlPlaneOnly(model),
    ...keyProblems("encryption.state", model.encryption?.state, contract),
    ...keyProblems("encryption.ephemeral", model.encryption?.ephemeral, contract),
    ...stateProblems(model),
    ...secureBootProblems(model),
  ];
}

function installProblems(model: NodeModel, contract: Contract): readonly Problem[] {
  if (model.install === undefined) return [];
  const { disk, extraKernelArgs } = model.install;
  const problems: Problem[] = [];
  const { path, ...selector } = disk;
  const selecting = Object.values(selector).some((value) => value !== undefined);
  if (path === undefined && !selecting) {
    problems.push({
      path: "install.disk",
      reason: "nothing says which disk to install onto",
      fix: "give its wwid or serial (talosctl get disks shows them)",
    });
  }
  if (disk.size !== undefined && parseSize(disk.size) === undefined) {
    problems.push({
      path: "install.disk.size",
      reason: `"${disk.size}" is not a comparison with a size`,
      fix: "write it as in >= 100GB",
    });
  }
  if (path !== undefined && selecting) {
    problems.push({
      path: "install.disk",
      reason: "has both a device path and a selector",
      fix: "keep the selector: device paths change from boot to boot",
    });
  }
  if (atLeast(contract, "1.12") && (extraKernelArgs?.length ?? 0) > 0) {
    problems.push({
      path: "install.extraKernelArgs",
      reason: `has no effect with contract ${contract}: the image holds the kernel arguments`,
      fix: "put them into the schematic of the installer image",
    });
  }
  return problems;
}

function vipProblems(model: NodeModel): readonly Problem[] {
  if (model.vip === undefined) return [];
  const { link } = model.vip;
  if (model.type === "worker") {
    return [
      { path: "vip", reason: "a worker cannot hold the VIP of the control planes", fix: "remove it from this node" },
    ];
  }
  const links = (model.interfaces ?? []).flatMap((candidate) => [
    candidate.name,
    ...(candidate.vlans ?? []).map((vlan) => `${candidate.name}.${vlan.id}`),
  ]);
  if (links.includes(link)) return [];
  return [
    {
      path: "vip.link",
      reason: `"${link}" is none of this node's links`,
      fix: links.length > 0 ? `choose one of ${links.join(", ")}` : "declare the interface that carries the VIP",
    },
  ];
}

function controlPlaneOnly(model: NodeModel): readonly Problem[] {
  if (model.type === "controlplane" || model.apiServer === undefined) return [];
  return [{ path: "apiServer", reason: "a worker runs no kube-apiserver", fix: "remove it from this node" }];
}

function keyProblems(path: string, keys: VolumeKeys | undefined, contract: Contract): readonly Problem[] {
  if (keys === undefined) return [];
  const problems: Problem[] = [];
  if (keys.length < 2) {
    problems.push({
      path,
      reason: "has fewer than two keys: when the one breaks, the volume is lost",
      fix: "add a second key of another kind, such as nodeId or kms",
    });
  }
  const tpms = keys.filter((key) => key.kind === "tpm");
  if (tpms.length > 0 && tpms.length === keys.length) {
    problems.push({
      path,
      reason: "every key depends on the TPM: a firmware update that changes its measurements locks the volume",
      fix: "add a key that does not, such as nodeId or kms",
    });
  }
  for (const key of tpms) {
    if (key.pcrs !== undefined && !atLeast(contract, "1.12")) {
      problems.push({
        path: `${path}.pcrs`,
        reason: `contract ${contract} cannot choose PCRs`,
        fix: "remove pcrs (it seals to PCR 7), or use contract v1.12",
      });
    }
    for (const pcr of key.pcrs ?? []) {
      if (Number.isInteger(pcr) && pcr >= 0 && pcr <= 23) continue;
      problems.push({ path: `${path}.pcrs`, reason: `there is no PCR ${pcr}`, fix: "use 0 to 23; 7 is usual" });
    }
  }
  return problems;
}

function stateProblems(model: NodeModel): readonly Problem[] {
  const keys = model.encryption?.state ?? [];
  const problems: Problem[] = [];
  if (keys.some((key) => key.lockToState === true)) {
    problems.push({
      path: "encryption.state",
      reason: "STATE cannot be locked to itself",
      fix: "remove lockToState there; it is meant for EPHEMERAL",
    });
  }
  if (keys.some((key) => key.kind === "static")) {
    problems.push({
      path: "encryption.state",
      reason: "a passphrase for STATE would be stored on STATE, which it unlocks",
      fix: "use tpm, nodeId or kms for STATE",
    });
  }
  return problems;
}

/** Talos seals to the TPM without Secure Boot as well, and then anyone's boot medium gets the same measurements. */
function secureBootProblems(model: NodeModel): readonly Problem[] {
  const image = model.install?.image;
  if (image === undefined || image.includes("installer-secureboot/")) return [];
  return Object.entries(model.encryption ?? {})
    .filter(([, keys]) => keys.some((key) => key.kind === "tpm"))
    .map(([volume]) => ({
      path: `encryption.${volume}`,
      reason: "a TPM key protects nothing without Secure Boot, and the installer image has none",
      fix: "install an image of the kind installer-secureboot, or use nodeId or kms",
    }));
}

function atLeast(contract: Contract, minor: string): boolean {
  return compareMinors(contract.slice(1), minor) >= 0;
}
