import fc from "fast-check";
import { formatPath } from "../../components/talos/config/diff";
import { documentsOf } from "../../components/talos/config/documents";
import { type ConfigDocument, isDocument, renderDocument } from "../../components/talos/config/yaml";
import { DOCUMENT_EFFECTS } from "../../components/talos/effects/documents";
import { FIELD_EFFECTS, IMMEDIATE_FIELDS } from "../../components/talos/effects/fields";
import { EFFECTS, type Effect } from "../../components/talos/effects/rule";
import { configImpact, type Impact, impactProblems, needsReboot, worstEffect } from "../../components/talos/impact";
import { TALOS_RELEASES } from "../../components/talos/releases";

const MINORS = TALOS_RELEASES.map((release) => ({ minor: release.minor, talos: release.latest }));
const BASE: ConfigDocument = { version: "v1alpha1", machine: { type: "controlplane", features: { rbac: true } } };

/** The document with the value at a dotted path; keys with dots are not needed here. */
function withValue(document: ConfigDocument, path: string, value: unknown): ConfigDocument {
  const [key = "", ...rest] = path.split(".");
  const inner = document[key];
  return {
    ...document,
    [key]: rest.length === 0 ? value : withValue(isDocument(inner) ? inner : {}, rest.join("."), value),
  };
}

/** The one impact of changing a value at a path from "a" to "b" (or of it coming or going). */
function impactAt(path: string, talos: string, values: readonly [unknown, unknown] = ["a", "b"]): Impact {
  const [before, after] = values.map((value) =>
    renderDocument(value === undefined ? BASE : withValue(BASE, path, value)),
  );
  const impacts = configImpact(before ?? "", after ?? "", talos);
  expect(impacts).toHaveLength(1);
  const [impact] = impacts;
  if (impact === undefined) throw new Error("no impact");
  return impact;
}

/** Every field of the vendor's list with a value below it, and what a change does in 1.11 to 1.13 and in 1.14. */
const IMMEDIATE: readonly [path: string, old: Effect, fresh: Effect][] = [
  ["debug", "immediate", "immediate"],
  ["cluster.clusterName", "immediate", "immediate"],
  ["cluster.apiServer.extraArgs.profiling", "restart", "restart"],
  ["cluster.controllerManager.image", "restart", "restart"],
  ["cluster.etcd.extraArgs.quota", "reboot", "reboot"],
  ["machine.ca.crt", "immediate", "immediate"],
  ["machine.acceptedCAs", "immediate", "immediate"],
  ["machine.time.servers", "immediate", "immediate"],
  ["machine.certSANs", "immediate", "immediate"],
  ["machine.install.image", "reinstall", "reinstall"],
  ["machine.network.nameservers", "immediate", "immediate"],
  ["machine.network.hostname", "restart", "restart"],
  ["machine.sysfs.devices", "immediate", "immediate"],
  ["machine.sysctls.vm", "immediate", "immediate"],
  ["machine.logging.destinations", "immediate", "immediate"],
  ["machine.controlPlane.scheduler.disabled", "restart", "restart"],
  ["machine.kubelet.extraArgs.v", "restart", "restart"],
  ["machine.kernel.modules", "immediate", "immediate"],
  ["machine.registries.mirrors", "immediate", "immediate"],
  ["machine.registries.config.local.auth.password", "reboot", "restart"],
  ["machine.pods", "immediate", "immediate"],
  ["machine.seccompProfiles", "immediate", "immediate"],
  ["machine.nodeAnnotations.a", "immediate", "immediate"],
  ["machine.nodeLabels.a", "immediate", "immediate"],
  ["machine.nodeTaints.a", "immediate", "immediate"],
  ["machine.features.kubernetesTalosAPIAccess.enabled", "immediate", "immediate"],
  ["machine.features.kubePrism.port", "immediate", "immediate"],
  ["machine.features.hostDNS.enabled", "immediate", "immediate"],
  ["machine.features.imageCache.localEnabled", "immediate", "immediate"],
  ["machine.features.nodeAddressSortAlgorithm", "immediate", "immediate"],
];

/** Fields that 1.11 to 1.13 reboot for by themselves, and what they are in 1.14, which never does. */
const REBOOTING: readonly [path: string, old: Effect, fresh: Effect][] = [
  ["version", "reboot", "reboot"],
  ["persist", "reboot", "reboot"],
  ["machine.type", "data-loss", "data-loss"],
  ["machine.token", "reboot", "immediate"],
  ["machine.files", "reboot", "reboot"],
  ["machine.disks", "reboot", "reboot"],
  ["machine.env.HTTPS_PROXY", "reboot", "immediate"],
  ["machine.env.NO_PROXY", "reboot", "immediate"],
  ["machine.udev.rules", "reboot", "immediate"],
  ["machine.baseRuntimeSpecOverrides.process", "reboot", "restart"],
  ["machine.systemDiskEncryption.state.keys", "reboot", "reboot"],
  ["machine.systemDiskEncryption.state.provider", "data-loss", "data-loss"],
  ["machine.systemDiskEncryption.ephemeral.keys", "reboot", "reboot"],
  ["machine.systemDiskEncryption.ephemeral.provider", "data-loss", "data-loss"],
  ["machine.systemDiskEncryption.ephemeral.cipher", "data-loss", "data-loss"],
  ["machine.features.rbac", "reboot", "reboot"],
  ["machine.features.stableHostname", "reboot", "reboot"],
  ["machine.features.apidCheckExtKeyUsage", "reboot", "reboot"],
  ["machine.features.diskQuotaSupport", "reboot", "reboot"],
  ["machine.features.somethingNew", "reboot", "reboot"],
  ["machine.somethingNew", "reboot", "reboot"],
  ["somethingNew", "reboot", "reboot"],
];

describe.each(MINORS)("Talos $minor", ({ minor, talos }) => {
  const fresh = minor === "1.14";

  test.each(IMMEDIATE)("%s does not make it reboot", (path, old, now) => {
    const impact = impactAt(path, talos);
    expect(impact).toMatchObject({ path, change: "changed", effect: fresh ? now : old, reboots: false });
    expect(impact.service === undefined).toBe(impact.effect !== "restart");
    expect(impact.reason).not.toContain("no rule");
  });

  test.each(REBOOTING)("%s makes it reboot where it reboots by itself", (path, old, now) => {
    expect(impactAt(path, talos)).toMatchObject({ path, effect: fresh ? now : old, reboots: !fresh });
  });

  test("has a rule for every document kind it knows", () => {
    for (const kind of documentsOf(`v${minor}` as "v1.13")) {
      const document = renderDocument({ apiVersion: "v1alpha1", kind, field: "value" });
      const [impact] = configImpact("", document, talos);
      expect(impact?.reason ?? "nothing").not.toContain("no rule");
      expect(impact?.reboots).toBe(false);
    }
  });
});

test("the list of immediate fields is the vendor's, and every field of it is tried above", () => {
  expect(IMMEDIATE_FIELDS).toHaveLength(25);
  for (const field of IMMEDIATE_FIELDS) {
    expect(IMMEDIATE.some(([path]) => path === field || path.startsWith(`${field}.`))).toBe(true);
  }
});

test("rules do not overlap: no two of the same path, change, document and minor", () => {
  const keys = [...FIELD_EFFECTS, ...DOCUMENT_EFFECTS].map(({ path, change, document, since, before }) =>
    [path, change, document, since, before].join(" "),
  );
  expect(new Set(keys).size).toBe(keys.length);
});

const volume = (name: string, fields: ConfigDocument, kind = "VolumeConfig") =>
  renderDocument({ apiVersion: "v1alpha1", kind, name, ...fields });
const luks = (slots: number) => ({
  provider: "luks2",
  keys: Array.from({ length: slots }, (_, slot) => ({ slot, nodeID: {} })),
});

describe("documents", () => {
  const one = (before: string, after: string, talos = "v1.13.9") =>
    configImpact(before, after, talos).map(({ path, effect }) => `${path} ${effect}`);

  test("a volume is what it was made as, its keys change at boot", () => {
    expect(one(volume("STATE", { encryption: luks(1) }), volume("STATE", { encryption: luks(2) }))).toEqual([
      "VolumeConfig/STATE.encryption.keys reboot",
    ]);
    expect(one("", volume("EPHEMERAL", { encryption: luks(1) }))).toEqual([
      "VolumeConfig/EPHEMERAL.encryption.keys reboot",
      "VolumeConfig/EPHEMERAL.encryption.provider data-loss",
    ]);
  });

  test("a user volume is made and unmounted at will, but not turned into another", () => {
    const old = volume("data", { filesystem: { type: "xfs" } }, "UserVolumeConfig");
    const other = volume("data", { filesystem: { type: "ext4" } }, "UserVolumeConfig");
    const locked = volume("data", { filesystem: { type: "xfs" }, encryption: luks(2) }, "UserVolumeConfig");
    expect(one("", old)).toEqual(["UserVolumeConfig/data.filesystem.type immediate"]);
    expect(one(old, "")).toEqual(["UserVolumeConfig/data.filesystem.type immediate"]);
    expect(one(old, other)).toEqual(["UserVolumeConfig/data.filesystem.type data-loss"]);
    expect(one(old, locked)).toContain("UserVolumeConfig/data.encryption.provider data-loss");
  });

  test("removing an environment variable needs a reboot, setting one does not", () => {
    const env = (variables: ConfigDocument) =>
      renderDocument({ apiVersion: "v1alpha1", kind: "EnvironmentConfig", variables });
    expect(one(env({ A: "1" }), env({ A: "1", B: "2" }))).toEqual(["EnvironmentConfig.variables.B immediate"]);
    expect(one(env({ A: "1", B: "2" }), env({ A: "1" }))).toEqual(["EnvironmentConfig.variables.B reboot"]);
  });

  test("registry credentials: a reboot up to 1.13, containerd's restart from 1.14", () => {
    const auth = (password: string) => volume("registry.lab", { password }, "RegistryAuthConfig");
    expect(one(auth("a"), auth("b"), "v1.13.9")).toEqual(["RegistryAuthConfig/registry.lab.password reboot"]);
    expect(one(auth("a"), auth("b"), "v1.14.1")).toEqual(["RegistryAuthConfig/registry.lab.password restart"]);
  });

  test("an unknown kind counts as a reboot", () => {
    expect(one("", volume("x", { y: 1 }, "NewfangledConfig"))).toEqual(["NewfangledConfig/x.y reboot"]);
  });

  test("a replaced key for what etcd holds loses it", () => {
    expect(impactAt("cluster.secretboxEncryptionSecret", "v1.13.9").effect).toBe("data-loss");
    expect(impactAt("cluster.secretboxEncryptionSecret", "v1.13.9", [undefined, "x"]).effect).toBe("restart");
  });

  test("features that only one of the two configurations has make it reboot", () => {
    const without = renderDocument({ version: "v1alpha1", machine: { type: "worker" } });
    const and = renderDocument({
      version: "v1alpha1",
      machine: { type: "worker", features: { kubePrism: { port: 7445 } } },
    });
    expect(configImpact(without, and, "v1.13.9")).toMatchObject([{ reboots: true, effect: "reboot" }]);
    expect(configImpact(without, and, "v1.14.1")).toMatchObject([{ reboots: false, effect: "immediate" }]);
  });
});

describe("the result", () => {
  test("never holds a value, whatever the configurations hold", () => {
    const secret = fc.string({ minLength: 12, maxLength: 40 }).map((text) => `s3cr3t-${text}`);
    const value: fc.Arbitrary<unknown> = fc.oneof(
      secret,
      fc.array(secret, { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("key", "token", "a.b"), secret, { maxKeys: 3 }),
    );
    const keys = fc.constantFrom("ca", "token", "files", "kubelet", "registries");
    const machine = fc.dictionary(keys, value, { maxKeys: 4 });
    fc.assert(
      fc.property(machine, machine, (before, after) => {
        const impacts = configImpact(
          renderDocument({ machine: before }),
          renderDocument({ machine: after }),
          "v1.13.9",
        );
        expect(JSON.stringify(impacts)).not.toContain("s3cr3t-");
      }),
    );
  });

  test("is empty exactly when nothing differs, and the same from either side", () => {
    const document = fc.dictionary(fc.constantFrom("machine", "cluster", "debug"), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(document, document, (before, after) => {
        const [old, now] = [renderDocument(before), renderDocument(after)];
        expect(configImpact(old, old, "v1.13.9")).toEqual([]);
        const there = configImpact(old, now, "v1.13.9").map(({ path }) => path);
        const back = configImpact(now, old, "v1.13.9").map(({ path }) => path);
        expect(new Set(there)).toEqual(new Set(back));
      }),
    );
  });

  test("names paths so that they can be read", () => {
    expect(formatPath({ kind: "v1alpha1", name: "", keys: ["machine", "sysctls", "net.ipv4.ip_forward"] })).toBe(
      'machine.sysctls["net.ipv4.ip_forward"]',
    );
    expect(formatPath({ kind: "LinkConfig", name: "net0", keys: ["addresses", "[0]", "address"] })).toBe(
      "LinkConfig/net0.addresses[0].address",
    );
  });

  test("an unreadable configuration is a problem without its text", () => {
    const read = () => configImpact("machine:\n  token: [s3cr3t-unclosed", "", "v1.13.9");
    expect(read).toThrow("The machine configuration cannot be read:");
    expect(read).not.toThrow("s3cr3t");
  });

  test("the gravest effect wins", () => {
    const impacts = EFFECTS.map(
      (effect) => ({ path: "p", change: "changed", effect, reboots: false, reason: "r" }) as const,
    );
    expect(worstEffect([])).toBe("immediate");
    expect(worstEffect(impacts)).toBe("data-loss");
    expect(worstEffect(impacts.slice(0, 3))).toBe("reboot");
    expect(impacts.filter(needsReboot)).toHaveLength(1);
  });
});

describe("what is not done unasked", () => {
  const rebooting = { type: "controlplane", impacts: [impactOf("machine.files")] } as const;
  function impactOf(path: string): Impact {
    return { path, change: "changed", effect: "reboot", reboots: true, reason: "read when the node boots" };
  }

  test("one control plane may reboot, and any number of workers", () => {
    expect(impactProblems({ "cp-1": rebooting, w1: { ...rebooting, type: "worker" } }, [])).toEqual([]);
  });

  test("two control planes may not, unless the path is allowed by name", () => {
    const nodes = { "cp-1": rebooting, "cp-2": rebooting };
    expect(impactProblems(nodes, [])).toHaveLength(2);
    expect(impactProblems(nodes, [])[0]).toEqual({
      path: 'nodes["cp-1"].configuration.machine.files',
      reason: "the change reboots 2 control planes: read when the node boots",
      fix: "change one control plane at a time, or allow machine.files by name (talos.allow) for this one update",
    });
    expect(impactProblems(nodes, ["machine.files"])).toEqual([]);
    expect(impactProblems(nodes, ["machine.file"])).toHaveLength(2);
  });

  test("data is not lost on any node, unless the path is allowed by name", () => {
    const losing = { ...impactOf("VolumeConfig/EPHEMERAL.encryption.provider"), effect: "data-loss" } as const;
    const nodes = { w1: { type: "worker", impacts: [losing] } } as const;
    expect(impactProblems(nodes, []).map(({ reason }) => reason)).toEqual([
      "the change loses data: read when the node boots",
    ]);
    expect(impactProblems(nodes, ["VolumeConfig/EPHEMERAL"])).toEqual([]);
  });
});
