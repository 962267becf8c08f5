import type { Problem } from "../../problem";
import type { Contract } from "../releases";
import { compareMinors } from "../version";
import { parseSize } from "./disk";
import { encryptionProblems } from "./encryption";
import type { NodeModel } from "./model";

/**
 * What a contract cannot express, and what Talos would take but a person would regret. Addresses, names and versions are
 * the site file's to check; here are only the rules that depend on how the configuration is written.
 */
export function nodeProblems(model: NodeModel, contract: Contract): readonly Problem[] {
  return [
    ...installProblems(model, contract),
    ...vipProblems(model),
    ...controlPlaneOnly(model),
    ...encryptionOf(model, contract),
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

function encryptionOf({ encryption, install }: NodeModel, contract: Contract): readonly Problem[] {
  if (encryption === undefined) return [];
  const image = install?.image;
  const around = { contract, ...(image !== undefined && { secureBoot: image.includes("installer-secureboot/") }) };
  return encryptionProblems(encryption, around).map((problem) => ({ ...problem, path: `encryption.${problem.path}` }));
}

function atLeast(contract: Contract, minor: string): boolean {
  return compareMinors(contract.slice(1), minor) >= 0;
}
