import { lab, resource, secret, stateOf, step, UNKNOWN } from "../drafts";
import type { Cases } from "../harness";
import { machine, patched, RELEASE, release, SERVICE } from "../objects";

const CLUSTER = "plinth:talos:TalosCluster";
const SECRETS = "talos:machine/secrets:Secrets";
const APPLY = "talos:machine/configurationApply:ConfigurationApply";
const BOOTSTRAP = "plinth:talos:Bootstrap";

const cluster = (facts: object) => lab(CLUSTER, (draft) => Object.assign(draft.inputs, facts));
const plane = (name: string, endpoint = "https://10.0.3.1:6443", type = "controlplane") =>
  machine(name, `machine:\n  type: ${type}\ncluster:\n  controlPlane:\n    endpoint: ${endpoint}\n`);
const node = (field: string, value: unknown) =>
  release((draft) => {
    draft.inputs.nodes["cp-1"][field] = value;
  });
const bootstrap = (inputs: object) => lab(BOOTSTRAP, (draft) => Object.assign(draft.inputs, inputs));
const plain = (name: string, authority: unknown) =>
  resource("talos:machine/bootstrap:Bootstrap", name, {
    node: "10.0.1.10",
    clientConfiguration: secret({ caCertificate: authority }),
  });
const apply = (name: string, inputs: object = {}, more: object = {}) => ({
  ...machine(name, "machine: {}\n", inputs),
  ...more,
});
const changed = (name: string, more: object = {}) =>
  step("update", apply(name), apply(name, { applyMode: "auto" }, more));
const urn = (name: string) => apply(name).urn;

const odd: Cases = {
  rule: "control-planes-odd",
  compliant: [lab(CLUSTER), cluster({ controlPlanes: 1 })],
  violating: [
    [cluster({ controlPlanes: 2 }), /^controlPlanes: 2 control planes/],
    [cluster({ controlPlanes: 0 }), /no machine/],
    [cluster({ controlPlanes: 4 }), /no more failures than with 3/],
  ],
  irrelevant: [lab(SECRETS)],
  extras: [cluster({ controlPlanes: 5, workers: 2 })],
  unknown: [[cluster({ controlPlanes: UNKNOWN }), "undecided"]],
};

const quorum: Cases = {
  rule: "machines-make-a-quorum",
  compliant: [[plane("a"), plane("b"), plane("c")], [plane("a", "https://10.0.3.1:6443", "worker")]],
  violating: [
    [[plane("a"), plane("b")], /^https:\/\/10.0.3.1:6443: 2 control planes/],
    [[plane("a"), plane("b"), plane("w", "https://10.0.3.1:6443", "worker")], /2 control planes/],
    [[plane("a"), plane("b"), plane("x", "https://10.0.4.1:6443")], /2 control planes/],
  ],
  irrelevant: [[SERVICE], [lab(APPLY), lab(APPLY, undefined, "site-cp-1")], [machine("none", "cluster: {}\n")]],
  extras: [[plane("a"), plane("w", "https://10.0.3.1:6443", "worker"), plane("x", "https://10.0.4.1:6443")]],
  unknown: [[[{ ...plane("a"), inputs: { machineConfigurationInput: UNKNOWN } }], "undecided"]],
};

const pairs: Cases = {
  rule: "kubernetes-fits-talos",
  compliant: [lab(CLUSTER), release()],
  violating: [
    [cluster({ kubernetesVersion: "v1.29.1" }), /^kubernetesVersion: Talos v1.13.0 does not run/],
    [node("kubernetes", "v1.37.0"), /^nodes\["cp-1"\].kubernetes: Talos/],
  ],
  irrelevant: [lab(SECRETS)],
  extras: [cluster({ kubernetesVersion: "v1.31.0", workers: 200 })],
  unknown: [
    [cluster({ kubernetesVersion: UNKNOWN }), "undecided"],
    [node("talos", UNKNOWN), "undecided"],
  ],
};

const known: Cases = {
  rule: "talos-version-known",
  compliant: [lab(CLUSTER)],
  violating: [[cluster({ talosVersion: "v1.99.0" }), /^talosVersion: .*no data/]],
  irrelevant: [release()],
  extras: [cluster({ talosVersion: "v1.14.1", workers: 9 })],
  unknown: [[cluster({ talosVersion: UNKNOWN }), "undecided"]],
};

const contract: Cases = {
  rule: "contract-fits-talos",
  compliant: [lab(CLUSTER)],
  violating: [[cluster({ configContract: "v1.14" }), /^configContract: contract v1.14 is newer/]],
  irrelevant: [lab(SECRETS)],
  extras: [cluster({ configContract: "v1.12", workers: 7 })],
  unknown: [[cluster({ talosVersion: UNKNOWN }), "undecided"]],
};

const VIP = "apiVersion: v1alpha1\nkind: Layer2VIPConfig\nname: 10.0.3.1\nlink: eth0\n";
const OLD_VIP =
  "machine:\n  network:\n    interfaces:\n      - interface: eth0\n        vip: { ip: 10.0.3.1 }\n      - interface: eth1\n";
const vip: Cases = {
  rule: "vip-is-no-endpoint",
  compliant: [machine("a", "machine: {}\n", {}, [VIP]), machine("a", OLD_VIP)],
  violating: [
    [machine("a", "machine: {}\n", { endpoint: "10.0.3.1" }, [VIP]), /^endpoint: 10.0.3.1 is the shared/],
    [machine("a", OLD_VIP, { node: "10.0.3.1" }), /^node: /],
  ],
  irrelevant: [lab(SECRETS), machine("a", "machine: {}\n", { node: "10.0.3.1" })],
  extras: [machine("a", OLD_VIP, { endpoint: undefined, applyMode: "auto" }, [VIP])],
  unknown: [[machine("a", "machine: {}\n", { node: UNKNOWN }, [VIP]), "undecided"]],
};

const api: Cases = {
  rule: "api-survives-a-machine",
  compliant: [lab(BOOTSTRAP)],
  violating: [[bootstrap({ endpoint: "https://127.103.31.12:6443" }), /^endpoint: 127.103.31.12 is one of 3/]],
  irrelevant: [lab(SECRETS)],
  extras: [
    bootstrap({ endpoint: "https://127.103.31.11:6443", controlPlanes: ["127.103.31.11"] }),
    bootstrap({ endpoint: "https://[fd00::1]:6443", controlPlanes: ["fd00::2", "fd00::3", "fd00::4"] }),
  ],
  unknown: [[bootstrap({ endpoint: UNKNOWN }), "undecided"]],
};

const once: Cases = {
  rule: "bootstrapped-once",
  compliant: [[plain("a", "one")], [plain("a", "one"), plain("b", "two")]],
  violating: [
    [[plain("a", "one"), plain("b", "one")], /^b: it is a second bootstrap of the cluster that a bootstraps/],
  ],
  irrelevant: [[SERVICE]],
  extras: [[plain("a", "one"), resource("talos:machine/bootstrap:Bootstrap", "c", { node: "10.0.0.1" })]],
  unknown: [[[{ ...plain("a", "one"), inputs: { clientConfiguration: UNKNOWN } }], "undecided"]],
};

const UNATTENDED = (selector: string) =>
  `apiVersion: v1alpha1\nkind: UnattendedInstallConfig\nprovisioning:\n  diskSelector:\n    match: ${selector}\n`;
const disk: Cases = {
  rule: "disk-found-by-identity",
  compliant: [
    release(),
    machine("a", "machine:\n  install:\n    disk: /dev/disk/by-id/wwn-0x1\n"),
    patched(UNATTENDED("disk.serial == 'S1'")),
  ],
  violating: [
    [machine("a", "machine:\n  install:\n    disk: /dev/sda\n"), /^machine.install.disk: \/dev\/sda is a place/],
    [patched(UNATTENDED("disk.dev_path == '/dev/sda'")), /^nodes\["cp-1"\].UnattendedInstallConfig: /],
  ],
  irrelevant: [lab(SECRETS), machine("a", "machine: {}\n")],
  extras: [
    machine("a", "machine:\n  install:\n    disk: /dev/sda\n    diskSelector: { serial: S1 }\n"),
    machine("a", "machine:\n  install:\n    disk: by-hand\n"),
  ],
  unknown: [[machine("a", "machine: {}\n", { machineConfigurationInput: UNKNOWN }), "undecided"]],
};

const wipe: Cases = {
  rule: "install-wipes-nothing",
  compliant: [release(), machine("a", "machine:\n  install:\n    wipe: false\n")],
  violating: [
    [machine("a", "machine:\n  install:\n    wipe: true\n"), /^machine.install.wipe: it is true/],
    [
      patched("machine:\n  install:\n    extraKernelArgs: [quiet, talos.experimental.wipe=system]\n"),
      /there is talos.experimental.wipe=system/,
    ],
  ],
  irrelevant: [lab(SECRETS)],
  extras: [
    machine("a", "machine:\n  install:\n    wipe: true\n", {}, [
      "machine:\n  install:\n    wipe: false\n    extraKernelArgs: [quiet]\n",
    ]),
  ],
  unknown: [
    [
      release((draft) => {
        draft.inputs.configuration = UNKNOWN;
      }),
      "undecided",
    ],
  ],
};

const volume = (keys: string) =>
  `apiVersion: v1alpha1\nkind: VolumeConfig\nname: STATE\nencryption:\n  provider: luks2\n  keys: ${keys}\n`;
const oldVolume = (keys: string) => `machine:\n  systemDiskEncryption:\n    ephemeral:\n      keys: ${keys}\n`;
const keys: Cases = {
  rule: "volume-has-two-keys",
  compliant: [
    release(),
    patched(volume("[{slot: 0, tpm: {}}, {slot: 1, kms: {endpoint: 'https://kms:4050'}}]")),
    patched(oldVolume("[{slot: 0, nodeID: {}}, {slot: 1, static: {passphrase: x}}]")),
  ],
  violating: [
    [patched(volume("[{slot: 0, tpm: {}}]")), /^nodes\["cp-1"\].encryption.state: has fewer than two keys/],
    [patched(volume("[{slot: 0, tpm: {options: {pcrs: [7]}}}, {slot: 1, tpm: {}}]")), /depends on the TPM/],
    [machine("a", oldVolume("[{slot: 0, nodeID: {}}]")), /^encryption.ephemeral: has fewer/],
    [machine("a", oldVolume("[{slot: 0, static: {}}, {slot: 1, static: {}}]")), /every key is the same \(static\)/],
    [
      patched(
        oldVolume(
          "[{slot: 0, tpm: {}, lockToState: true}, {slot: 1, kms: {endpoint: 'https://kms:4050'}, lockToState: true}]",
        ),
      ),
      /\[0\].lockToState: locks/,
      /\[1\].lockToState/,
    ],
  ],
  irrelevant: [lab(SECRETS), patched("apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\n")],
  extras: [
    patched(volume("[{slot: 0, tpm: {}}, {slot: 1, nodeID: {}}, {slot: 2, kms: {endpoint: 'https://kms:4050'}}]")),
  ],
  unknown: [[machine("a", "machine: {}\n", { configPatches: UNKNOWN }), "undecided"]],
};

const form: Cases = {
  rule: "said-in-one-form",
  compliant: [release()],
  violating: [
    [
      patched("machine:\n  network:\n    hostname: cp-1\n"),
      /^nodes\["cp-1"\].HostnameConfig: the document stands beside its older form/,
    ],
  ],
  irrelevant: [lab(SECRETS), machine("a", "machine:\n  network:\n    hostname: a\n")],
  extras: [patched("machine:\n  sysctls:\n    vm.max_map_count: '262144'\n")],
  unknown: [[machine("a", "machine: {}\n", { configPatches: [UNKNOWN] }), "undecided"]],
};

const ROTATE = "machine:\n  kubelet:\n    extraArgs:\n      rotate-server-certificates: true\n";
const approved: Cases = {
  rule: "kubelet-certificates-approved",
  compliant: [
    release(),
    machine("a", `${ROTATE}cluster:\n  extraManifests: [https://example.org/v1/kubelet-csr-approver.yaml]\n`),
    machine("a", `${ROTATE}cluster:\n  inlineManifests: [{name: talos-cloud-controller-manager}]\n`),
  ],
  violating: [[machine("a", ROTATE), /^machine.kubelet.extraArgs: no manifest/]],
  irrelevant: [lab(SECRETS)],
  extras: [machine("a", "machine:\n  kubelet:\n    extraArgs:\n      rotate-server-certificates: 'false'\n")],
  unknown: [[machine("a", ROTATE, { configPatches: UNKNOWN }), "undecided"]],
};

const access = (roles: string) =>
  `machine:\n  features:\n    kubernetesTalosAPIAccess:\n      enabled: true\n      allowedRoles: ${roles}\n`;
const limited: Cases = {
  rule: "talos-api-limited",
  compliant: [release(), machine("a", access("[os:reader]"))],
  violating: [
    [machine("a", access("[os:reader, os:admin]")), /allowedRoles: os:admin is among/],
    [patched("apiVersion: v1alpha1\nkind: KubeTalosAPIAccessConfig\nallowedRoles: [os:admin]\n"), /^nodes\["cp-1"\]/],
  ],
  irrelevant: [lab(SECRETS)],
  extras: [machine("a", access("[os:reader, os:etcd:backup]"))],
  unknown: [[machine("a", access("[]"), { configPatches: UNKNOWN }), "undecided"]],
};

const server = (name: string) => resource("hcloud:index/server:Server", name, { image: "talos-1.13" });
const latitude = (name: string, inputs: object = {}) =>
  resource("plinth:latitude:Server", name, { hostname: name, ...inputs });
const vm = (name: string) => resource("proxmoxve:index/vmLegacy:VmLegacy", name, {});
/** Another server is made in the place of one, as it is told where names carry the generation. */
const renewal = (from: string, to: string) => [
  step("create", undefined, server(to)),
  step("delete", server(from), undefined),
];
const kept: Cases = {
  rule: "control-plane-kept",
  compliant: [
    [step("update", server("cp-1"), server("cp-1"))],
    renewal("cp-1", "cp-1-g2"),
    renewal("cp-1-g9", "cp-1-g10"),
    [step("replace", latitude("cp-2"), latitude("cp-2", { generation: 2 }))],
  ],
  violating: [
    [[step("delete", vm("cp-1"), undefined)], /^cp-1: it would be deleted/],
    [[...renewal("cp-1", "cp-1-g2"), ...renewal("cp-2", "cp-2-g2")], /^cp-1: it would be/, /^cp-2: it would be/],
    [["cp-1", "cp-1-g2"].map((name) => step("delete", server(name), undefined)), /^cp-1: /, /^cp-1-g2: /],
    [renewal("cp-1-g3", "cp-1-g2"), /^cp-1-g3: it would be deleted/],
    [renewal("cp-1", "cp-3-g2"), /^cp-1: it would be deleted/],
    [[step("create", undefined, vm("cp-1-g2")), step("delete", server("cp-1"), undefined)], /^cp-1: /],
    [[step("replace", latitude("cp-2", { generation: 2 }), latitude("cp-2"))], /^cp-2: it would be replaced/],
    [
      [step("replace", server("site-controlplane-2"), server("site-controlplane-2"))],
      /^site-controlplane-2: it would be replaced/,
    ],
    [[step("replace", latitude("cp-2"), latitude("cp-2"))], /^cp-2: it would be replaced/],
    [
      [step("delete", apply("cp-3"), undefined), step("delete", apply("cp-3"), undefined)],
      /^cp-3: it would be deleted/,
    ],
    [
      [step("create-replacement", server("cp-1"), server("cp-1")), step("delete-replaced", server("cp-1"), undefined)],
      /replaced/,
    ],
  ],
  irrelevant: [
    [step("delete", server("worker-1"), undefined)],
    [step("delete", SERVICE, undefined)],
    [step("delete", { ...SERVICE, urn: `${SERVICE.urn}-cp-1` }, undefined)],
  ],
  extras: [[step("create", undefined, server("cp-4")), step("delete", server("scp"), undefined)]],
  unknown: [[[step("replace", server("cp-1"), { ...server("cp-1"), inputs: { image: UNKNOWN } })], /replaced/]],
};

const identity: Cases = {
  rule: "cluster-identity-kept",
  compliant: [[step("same", lab(SECRETS), lab(SECRETS))]],
  violating: [
    [[step("replace", lab(SECRETS), lab(SECRETS))], /^site-secrets: talos:machine\/secrets:Secrets would be replaced/],
    [[step("delete", lab(BOOTSTRAP), undefined)], /deleted/],
  ],
  irrelevant: [[step("replace", SERVICE, SERVICE)]],
  extras: [[step("create", undefined, lab(SECRETS)), step("update", release(), release())]],
  unknown: [
    [
      [
        step(
          "replace",
          lab(SECRETS),
          lab(SECRETS, (draft) => {
            draft.inputs.talosVersion = UNKNOWN;
          }),
        ),
      ],
      /replaced/,
    ],
  ],
};

const frozen: Cases = {
  rule: "contract-frozen",
  compliant: [
    [step("same", lab(CLUSTER), lab(CLUSTER))],
    [step("create", undefined, cluster({ configContract: "v1.12" }))],
    [step("delete", lab(CLUSTER), undefined)],
  ],
  violating: [
    [
      [step("update", lab(CLUSTER), cluster({ configContract: "v1.12" }))],
      /^site.configContract: it would change from v1.13 to v1.12/,
    ],
    [
      [
        step(
          "update",
          lab(SECRETS),
          lab(SECRETS, (draft) => {
            draft.inputs.talosVersion = "v1.12";
            draft.ignoreChanges = [];
          }),
        ),
      ],
      /^site-secrets.talosVersion/,
    ],
  ],
  irrelevant: [[step("update", SERVICE, { ...SERVICE, inputs: { configContract: "v1.12" } })]],
  extras: [
    [
      step(
        "update",
        lab(SECRETS),
        lab(SECRETS, (draft) => {
          draft.inputs.talosVersion = "v1.12";
        }),
      ),
    ],
    [step("update", lab(CLUSTER), cluster({ talosVersion: "v1.13.9" }))],
  ],
  unknown: [[[step("update", lab(CLUSTER), cluster({ configContract: UNKNOWN }))], "undecided"]],
};

const edited = (edit: (nodes: Record<string, Record<string, unknown>>) => void) =>
  lab(RELEASE, (draft) => edit(draft.inputs.nodes));
const place: Cases = {
  rule: "node-kept-in-place",
  compliant: [
    [step("same", lab(RELEASE), lab(RELEASE))],
    [
      step(
        "update",
        lab(RELEASE),
        edited((nodes) => {
          nodes["cp-1"] = { ...nodes["cp-1"], generation: 1, failureDomain: null };
        }),
      ),
    ],
  ],
  violating: [
    [
      [
        step(
          "update",
          lab(RELEASE),
          edited((nodes) => {
            nodes["cp-1"] = { ...nodes["cp-1"], type: "worker" };
          }),
        ),
      ],
      /type of a running node cannot change/,
    ],
    [
      [
        step(
          "update",
          lab(RELEASE),
          edited((nodes) => {
            nodes["worker-1"] = { ...nodes["worker-1"], address: "127.103.31.99" };
          }),
        ),
      ],
      /^nodes\["worker-1"\].address/,
    ],
  ],
  irrelevant: [
    [step("update", SERVICE, SERVICE)],
    [step("update", bootstrap({}), bootstrap({ clusterName: "other" }))],
    [step("create", undefined, lab(RELEASE))],
    [step("delete", lab(RELEASE), undefined)],
  ],
  extras: [
    [
      step(
        "update",
        lab(RELEASE),
        edited((nodes) => {
          nodes["cp-1"] = { ...nodes["cp-1"], failureDomain: "rack-z" };
        }),
      ),
    ],
  ],
  unknown: [
    [
      [
        step(
          "update",
          lab(RELEASE),
          edited((nodes) => {
            nodes["cp-1"] = { ...nodes["cp-1"], address: UNKNOWN };
          }),
        ),
      ],
      "silent",
    ],
  ],
};

const turns: Cases = {
  rule: "control-planes-one-at-a-time",
  compliant: [
    [changed("cp-1")],
    [changed("cp-1"), changed("cp-2", { dependencies: [urn("cp-1")] })],
    [changed("cp-1", { dependencies: [urn("cp-2")] }), changed("cp-2")],
  ],
  violating: [
    [[changed("cp-1"), changed("cp-2")], /^cp-2: it would change together with cp-1/],
    [
      [
        changed("cp-1"),
        changed("cp-2", { dependencies: [urn("cp-1")] }),
        changed("cp-3", { dependencies: [urn("cp-2")] }),
      ],
      /^cp-3: .* with cp-1$/,
    ],
    [[changed("cp-1"), changed("cp-2"), changed("cp-3", { dependencies: [urn("cp-1")] })], /^cp-2/, /^cp-3: .* cp-2$/],
  ],
  irrelevant: [[step("update", server("cp-1"), server("cp-1")), step("update", server("cp-2"), server("cp-2"))]],
  extras: [
    [
      changed("cp-1"),
      changed("worker-1"),
      step("same", apply("cp-2"), apply("cp-2")),
      step("create", undefined, apply("cp-4")),
    ],
  ],
  unknown: [[[step("update", apply("cp-1"), apply("cp-1", { node: UNKNOWN })), changed("cp-2")], /^cp-2/]],
};

const roles: Cases = {
  rule: "roles-apart",
  compliant: [[changed("cp-1")], [changed("worker-1")]],
  violating: [
    [
      [changed("worker-1"), changed("cp-1"), changed("cp-2"), changed("worker-2")],
      /^worker-1: it would change together with cp-1, cp-2/,
    ],
  ],
  irrelevant: [[step("update", server("cp-1"), server("cp-1")), step("update", server("w"), server("w"))]],
  extras: [
    [changed("cp-1"), step("create", undefined, apply("worker-9")), step("same", apply("worker-1"), apply("worker-1"))],
  ],
  unknown: [[[changed("cp-1"), step("update", apply("w"), apply("w", { node: UNKNOWN }))], /^w: /]],
};

const converged: Cases = {
  rule: "release-converged",
  compliant: [stateOf([lab(RELEASE)])],
  violating: [
    [
      stateOf([
        lab(RELEASE, (draft) => {
          draft.outputs.phase = "partial";
        }),
      ]),
      /^site-release: its last run stopped/,
    ],
  ],
  irrelevant: [stateOf([lab(SECRETS)])],
  extras: [stateOf([lab(RELEASE), lab(SECRETS), lab(BOOTSTRAP)])],
  unknown: [
    [
      stateOf([
        lab(RELEASE, (draft) => {
          draft.outputs.kubeconfig = UNKNOWN;
        }),
      ]),
      "silent",
    ],
  ],
};

export const clusterCases: readonly Cases[] = [
  odd,
  quorum,
  pairs,
  known,
  contract,
  vip,
  api,
  once,
  disk,
  wipe,
  keys,
  form,
  approved,
  limited,
  kept,
  identity,
  frozen,
  place,
  turns,
  roles,
  converged,
];
