import { formatProblem } from "../../components/problem";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { configImpact } from "../../components/talos/impact";
import { siteFile } from "../support/site";

// biome-ignore lint/suspicious/noExplicitAny: a site file before it is checked
type Raw = any;

const TPM = { by: "tpm" };
const NODE_ID = { by: "nodeId" };
const KMS = { by: "kms", endpoint: "https://kms.example.org:4050" };
const RECOVERY = { by: "passphrase", secret: "recovery" };
/** A site that does it right. */
const SOUND = { state: [TPM, KMS], ephemeral: [{ ...TPM, lockToState: true }, RECOVERY] };

function edited(edit: (site: Raw) => void): Raw {
  const site = siteFile("home");
  Object.assign(site.talos, { secureBoot: true, encryption: structuredClone(SOUND) });
  edit(site);
  return site;
}

const problems = (edit: (site: Raw) => void): string[] => checkSite(edited(edit)).problems.map(formatProblem);

test("keys of two kinds beside Secure Boot are sound", () => {
  expect(problems(() => undefined)).toEqual([]);
});

test.each<[string, (site: Raw) => void, string[]]>([
  [
    "a TPM without Secure Boot",
    (s) => delete s.talos.secureBoot,
    [
      "talos.encryption.state: a TPM key protects nothing without Secure Boot, and the installer image has none (write talos.secureBoot: true, or use nodeId or kms)",
      "talos.encryption.ephemeral: a TPM key protects nothing without Secure Boot, and the installer image has none (write talos.secureBoot: true, or use nodeId or kms)",
    ],
  ],
  [
    "no second key",
    (s) => s.talos.encryption.state.pop(),
    [
      "talos.encryption.state: has fewer than two keys: when the one breaks, the volume is lost (add a second key of another kind, such as nodeId or kms)",
    ],
  ],
  [
    "no key at all",
    (s) => Object.assign(s.talos.encryption, { state: [], ephemeral: undefined }),
    [expect.stringMatching(/^talos\.encryption\.state: has fewer than two keys/)],
  ],
  [
    "two keys of one TPM",
    (s) => Object.assign(s.talos.encryption, { state: [TPM, { ...TPM, pcrs: [0] }] }),
    [expect.stringMatching(/^talos\.encryption\.state: every key depends on the TPM: a firmware update/)],
  ],
  [
    "a passphrase for STATE, and STATE locked to itself",
    (s) => Object.assign(s.talos.encryption, { state: [{ ...KMS, lockToState: true }, RECOVERY] }),
    [
      expect.stringMatching(/^talos\.encryption\.state\[0\]\.lockToState: STATE cannot be locked to itself/),
      expect.stringMatching(/^talos\.encryption\.state\[1\]: a passphrase for STATE is kept readable/),
    ],
  ],
  [
    "a lock to a STATE that is open",
    (s) => delete s.talos.encryption.state,
    [expect.stringMatching(/^talos\.encryption\.ephemeral\[0\]\.lockToState: locks to a STATE that is not encrypted/)],
  ],
  [
    "a machine without a TPM",
    (s) => Object.assign(s.machines["worker-1"], { tpm: false }),
    [
      "machines.worker-1.tpm: the machine has no TPM: its installation would never end (give this machine an encryption of its own, by nodeId and kms)",
    ],
  ],
  [
    "a machine without a TPM whose own encryption wants one",
    (s) => Object.assign(s.machines["worker-1"], { tpm: false, encryption: { state: [TPM, NODE_ID] } }),
    [
      "machines.worker-1.encryption.state: the machine has no TPM: its installation would never end (use nodeId and kms for this machine)",
    ],
  ],
  [
    "fields of another kind of key, and without its own",
    (s) =>
      Object.assign(s.talos.encryption, {
        state: [{ by: "kms" }, { ...NODE_ID, pcrs: [7] }],
        ephemeral: [{ by: "passphrase" }, { by: "tmp" }],
      }),
    ['talos.encryption.ephemeral[1].by: "tmp" is not known here (did you mean tpm?)'],
  ],
  [
    "fields of another kind of key, once every kind is known",
    (s) =>
      Object.assign(s.talos.encryption, {
        state: [{ by: "kms" }, { ...NODE_ID, pcrs: [7] }],
        ephemeral: [{ by: "passphrase" }, TPM],
      }),
    [
      "talos.encryption.state[0].endpoint: is missing (name the key server, as https://kms.example.org:4050)",
      "talos.encryption.state[1].pcrs: has no meaning with by: nodeId (remove it; it is for by: tpm)",
      "talos.encryption.ephemeral[0].secret: is missing (name a secret of the stack's configuration (pulumi config set --secret secrets:NAME))",
    ],
  ],
])("%s is a problem with its path and the way out", (_, edit, expected) => {
  expect(problems(edit)).toEqual(expected);
});

test("the plan names the Secure Boot image and each machine's keys, a passphrase only by its name", () => {
  const { talos, nodes } = planSite(
    parseSite(
      edited((s) => {
        Object.assign(s.machines["worker-0"], { tpm: false, encryption: { ephemeral: [NODE_ID, KMS] } });
        Object.assign(s.machines["worker-1"], { tpm: false, encryption: {} });
      }),
    ),
  );
  expect(talos.installer).toMatch(/^factory\.talos\.dev\/nocloud-installer-secureboot\//);
  const byKey = Object.fromEntries(nodes.map((node) => [node.key, node.encryption]));
  expect(byKey["controller-0"]).toEqual(SOUND);
  expect(byKey["worker-0"]).toEqual({ ephemeral: [NODE_ID, KMS] });
  expect(byKey["worker-1"]).toBeUndefined();
});

test("what keys ask of a person is said once, however many machines have them", () => {
  const { warnings } = planSite(
    parseSite(edited((s) => Object.assign(s.machines["worker-0"], { encryption: { state: [NODE_ID, TPM] } }))),
  );
  const ofKeys = warnings.filter((warning) => !warning.startsWith("ingress-nginx: "));
  expect(ofKeys).toEqual([
    expect.stringMatching(/sealed to PCR 7 .* firmware .*\(dbx\) changes it.* second key .* seal anew/),
    expect.stringMatching(/^STATE is opened before the machine can read its static address/),
    expect.stringMatching(/^a nodeId key is made of the machine's UUID/),
  ]);
  const locked = { state: [TPM, KMS], ephemeral: [TPM, KMS].map((key) => ({ ...key, lockToState: true })) };
  const all = planSite(parseSite(edited((s) => Object.assign(s.talos, { encryption: locked })))).warnings;
  expect(all).toContainEqual(expect.stringMatching(/^every key of EPHEMERAL is locked to STATE/));
});

describe("on a machine that is installed", () => {
  const volume = (...keys: object[]) =>
    `machine: {type: worker}\n---\napiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nencryption: ${JSON.stringify({ provider: "luks2", keys: keys.map((key, slot) => ({ slot, ...key })) })}\n`;
  const [tpm, nodeID] = [{ tpm: {} }, { nodeID: {} }];
  const phrase = (passphrase: string) => ({ static: { passphrase } });
  const effects = (before: string, after: string) =>
    Object.fromEntries(configImpact(before, after, "v1.13.0").map(({ path, effect }) => [path, effect]));

  test("to begin or to end encryption loses data", () => {
    const none = "machine: {type: worker}\n";
    for (const [before, after] of [
      [none, volume(tpm, nodeID)],
      [volume(tpm, nodeID), none],
    ] as const) {
      expect(effects(before, after)["VolumeConfig/EPHEMERAL.encryption.provider"]).toBe("data-loss");
    }
  });

  test("one key may change with a reboot, all of them at once would shut the volume", () => {
    const worst = (before: string, after: string) => [...new Set(Object.values(effects(before, after)))];
    expect(worst(volume(tpm, phrase("a")), volume(tpm, phrase("b")))).toEqual(["reboot"]);
    expect(worst(volume(tpm, phrase("a")), volume({ tpm: { options: { pcrs: [0, 7] } } }, phrase("b")))).toEqual([
      "reboot",
    ]);
    expect(worst(volume(nodeID, phrase("a")), volume(phrase("a"), nodeID))).toEqual(["data-loss"]);
    const shut = configImpact(volume(nodeID, phrase("a")), volume(tpm, phrase("b")), "v1.13.0");
    expect(shut[0]?.reason).toMatch(/^no key stays as it was.*change one slot at a time$/);
  });

  test("the older form is judged alike", () => {
    const legacy = (...keys: object[]) =>
      JSON.stringify({ machine: { type: "worker", systemDiskEncryption: { state: { provider: "luks2", keys } } } });
    const slot = (place: number, key: object) => ({ slot: place, ...key });
    expect(effects(legacy(slot(0, nodeID), slot(1, tpm)), legacy(slot(0, tpm), slot(1, nodeID)))).toEqual({
      "machine.systemDiskEncryption.state.keys": "data-loss",
    });
  });
});
