import { ProblemError } from "../../components/problem";
import { nodeProblems } from "../../components/talos/config/check";
import type { NodeModel } from "../../components/talos/config/model";
import { nodePatches } from "../../components/talos/config/render";
import { CONTRACTS, type Contract } from "../../components/talos/releases";
import { MODELS } from "./support/models";

const worker: NodeModel = { type: "worker", hostname: "w1" };
const cp: NodeModel = { type: "controlplane", hostname: "cp-1", interfaces: [{ name: "net0", vlans: [{ id: 20 }] }] };
const nodeId = { kind: "nodeId" } as const;
const tpm = { kind: "tpm" } as const;
const passphrase = { kind: "static", passphrase: "s3cr3t" } as const;

test.each(Object.entries(MODELS))("%s is sound under every contract", (_name, model) => {
  for (const contract of CONTRACTS) expect(nodeProblems(model, contract)).toEqual([]);
});

test.each<[string, NodeModel, Contract, path: string, reason: string]>([
  ["no disk", { ...worker, install: { disk: {} } }, "v1.13", "install.disk", "nothing says which disk"],
  [
    "a size that is none",
    { ...worker, install: { disk: { size: "big" } } },
    "v1.13",
    "install.disk.size",
    "not a comparison",
  ],
  [
    "a path and a selector",
    { ...worker, install: { disk: { path: "/dev/sda", wwid: "x" } } },
    "v1.13",
    "install.disk",
    "both a device path and a selector",
  ],
  [
    "kernel arguments of the boot loader",
    { ...worker, install: { disk: { wwid: "x" }, extraKernelArgs: ["a=b"] } },
    "v1.12",
    "install.extraKernelArgs",
    "has no effect with contract v1.12",
  ],
  ["a VIP on a worker", { ...worker, vip: { address: "10.0.0.1", link: "net0" } }, "v1.13", "vip", "a worker cannot"],
  [
    "a VIP on no link",
    { ...cp, vip: { address: "10.0.0.1", link: "net1" } },
    "v1.13",
    "vip.link",
    "none of this node's",
  ],
  ["an API server on a worker", { ...worker, apiServer: {} }, "v1.13", "apiServer", "runs no kube-apiserver"],
  ["one key", { ...worker, encryption: { state: [nodeId] } }, "v1.13", "encryption.state", "fewer than two keys"],
  [
    "only the TPM",
    { ...worker, encryption: { ephemeral: [tpm, tpm] } },
    "v1.13",
    "encryption.ephemeral",
    "every key depends",
  ],
  [
    "PCRs where they cannot be chosen",
    { ...worker, encryption: { ephemeral: [{ ...tpm, pcrs: [7] }, nodeId] } },
    "v1.11",
    "encryption.ephemeral[0].pcrs",
    "cannot choose PCRs",
  ],
  [
    "a PCR that is not there",
    { ...worker, encryption: { ephemeral: [{ ...tpm, pcrs: [24] }, nodeId] } },
    "v1.13",
    "encryption.ephemeral[0].pcrs",
    "there is no PCR 24",
  ],
  [
    "a TPM without Secure Boot",
    {
      ...worker,
      install: { disk: { wwid: "x" }, image: "factory.talos.dev/metal-installer/376567:v1.13.0" },
      encryption: { ephemeral: [tpm, nodeId] },
    },
    "v1.13",
    "encryption.ephemeral",
    "protects nothing without Secure Boot",
  ],
  [
    "PCRs that are none",
    { ...worker, encryption: { ephemeral: [{ ...tpm, pcrs: [] }, nodeId] } },
    "v1.13",
    "encryption.ephemeral[0].pcrs",
    "binds the key to no measurement",
  ],
  [
    "two keys that break together",
    { ...worker, encryption: { state: [nodeId, nodeId] } },
    "v1.13",
    "encryption.state",
    "what breaks one breaks the other",
  ],
  [
    "a lock to a STATE that is open",
    { ...worker, encryption: { ephemeral: [{ ...tpm, lockToState: true }, nodeId] } },
    "v1.13",
    "encryption.ephemeral[0].lockToState",
    "not encrypted",
  ],
  [
    "STATE locked to STATE",
    { ...worker, encryption: { state: [nodeId, { ...tpm, lockToState: true }] } },
    "v1.13",
    "encryption.state[1].lockToState",
    "locked to itself",
  ],
  [
    "STATE's passphrase on STATE",
    { ...worker, encryption: { state: [nodeId, passphrase] } },
    "v1.13",
    "encryption.state[1]",
    "readable on the same disk",
  ],
])("%s is a problem", (_name, model, contract, path, reason) => {
  expect(nodeProblems(model, contract)).toEqual([
    { path, reason: expect.stringContaining(reason), fix: expect.stringMatching(/.+/) },
  ]);
});

test("a TPM with Secure Boot is sound", () => {
  const image = "factory.talos.dev/metal-installer-secureboot/376567:v1.13.0";
  const model: NodeModel = {
    ...worker,
    install: { disk: { wwid: "x" }, image },
    encryption: { state: [tpm, nodeId], ephemeral: [{ ...tpm, lockToState: true }, nodeId] },
  };
  expect(nodeProblems(model, "v1.13")).toEqual([]);
});

test("a VIP may sit on a VLAN, and the fix names the links there are", () => {
  expect(nodeProblems({ ...cp, vip: { address: "10.0.0.1", link: "net0.20" } }, "v1.13")).toEqual([]);
  expect(nodeProblems({ ...cp, vip: { address: "10.0.0.1", link: "x" } }, "v1.13")[0]?.fix).toBe(
    "choose one of net0, net0.20",
  );
});

test("all problems come at once, without a secret, and nothing is written", () => {
  const model: NodeModel = { ...worker, install: { disk: {} }, apiServer: {}, encryption: { state: [passphrase] } };
  let error: unknown;
  try {
    nodePatches(model, "v1.13");
  } catch (caught) {
    error = caught;
  }
  if (!(error instanceof ProblemError)) throw new Error("not refused");
  expect(error.problems.map(({ path }) => path)).toEqual([
    "install.disk",
    "apiServer",
    "encryption.state",
    "encryption.state[0]",
  ]);
  expect(error.message).toContain("The configuration of w1 cannot be written:");
  expect(error.message).not.toContain("s3cr3t");
});
