/** The driver on the official talosctl: what it passes, what it reads, how it fails, what it leaves behind. */
import { chmodSync, closeSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { ensureTools } from "../../lab/build/tools";
import { Ticker } from "../../lab/ticker";
import { redactor } from "../../provider/host/redact";
import { changedPaths, fingerprint } from "../../provider/talos/yaml";
import { talosctl } from "../../provider/talosctl/client";
import * as parse from "../../provider/talosctl/parse";
import { talosctlVersion } from "../../provider/talosctl/run";
import { openNameless } from "../../provider/talosctl/secretfile";
import type { TalosFailure } from "../../provider/talosctl/talos";

// The first run may have to build the tool.
jest.setTimeout(600_000);

const folder = mkdtempSync(join(tmpdir(), "plinth-talosctl-"));
const binary = join(folder, "talosctl");
const credentials = { caCertificate: "Q0E=", clientCertificate: "Q1JU", clientKey: "VG9wU2VjcmV0S2V5TWF0ZXJpYWw=" };
const idle = new AbortController().signal;
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  delete process.env.PLINTH_TALOSCTL;
});

/** The driver on a script in talosctl's place. */
function driver(script: string) {
  writeFileSync(binary, `#!/bin/sh\n${script}\n`);
  chmodSync(binary, 0o755);
  process.env.PLINTH_TALOSCTL = binary;
  return talosctl(credentials, redactor([credentials.clientKey]));
}

describe("a call", () => {
  test("goes to one node at its own address, with a talosconfig that is no file", async () => {
    const talos = driver(
      `echo "$@" > ${folder}/args; cp /dev/fd/3 ${folder}/config; readlink /proc/self/fd/3 > ${folder}/link; env > ${folder}/env
       printf 'Client:\\n\\tTag: v1.0.0\\nServer:\\n\\tNODE: 10.0.0.1\\n\\tTag:         v1.13.0\\n'`,
    );
    expect(await talos.version("10.0.0.1", idle)).toBe("v1.13.0");
    const args = readFileSync(join(folder, "args"), "utf8").trim();
    expect(args).toBe("version --talosconfig /dev/fd/3 --endpoints 10.0.0.1 --nodes 10.0.0.1");
    expect(readFileSync(join(folder, "config"), "utf8")).toContain(`key: ${credentials.clientKey}`);
    expect(readFileSync(join(folder, "env"), "utf8")).not.toContain(credentials.clientKey);
    expect(readFileSync(join(folder, "link"), "utf8")).toMatch(/\(deleted\)$/m);
  });

  test("leaves no file behind, whatever happens", async () => {
    const before = readdirSync("/dev/shm").filter((name) => name.startsWith(".plinth-"));
    await expect(driver("exit 1").version("10.0.0.1", idle)).rejects.toThrow();
    expect(readdirSync("/dev/shm").filter((name) => name.startsWith(".plinth-"))).toEqual(before);
  });

  test("is ended by a cancel at once, child and all", async () => {
    const controller = new AbortController();
    const call = driver(`echo $$ > ${folder}/pid; exec sleep 60`).version("10.0.0.1", controller.signal);
    setTimeout(() => controller.abort(new Error("cancelled")), 300);
    await expect(call).rejects.toThrow("cancelled");
    const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  test("never shows a secret, not even one that the tool prints", async () => {
    const talos = driver(`echo "error: bad key ${credentials.clientKey}" >&2; exit 1`);
    await expect(talos.version("10.0.0.1", idle)).rejects.toThrow("version: error: bad key [secret]");
  });

  test("for a snapshot writes into a file without a name, under whatever name the tool gives it", async () => {
    const file = openNameless(10);
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith(".plinth-snapshot"));
    // As talosctl does: a file beside it, renamed, and read again.
    const script = `for path in "$@"; do case "$path" in /*/db) break;; esac; done
      echo snapshot > "$path.part" && mv "$path.part" "$path" && cat "$path" > ${folder}/seen && readlink "$path" > ${folder}/link`;
    await driver(script).etcdSnapshot("10.0.0.1", file, idle);
    expect(readFileSync(join(folder, "seen"), "utf8")).toBe("snapshot\n");
    expect(readFileSync(join(folder, "link"), "utf8")).toBe("/dev/fd/4\n");
    expect(readFileSync(`/proc/self/fd/${file}`, "utf8")).toBe("snapshot\n");
    closeSync(file);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith(".plinth-snapshot"))).toEqual(before);
  });

  test("without the tool says how to get it", async () => {
    process.env.PLINTH_TALOSCTL = join(folder, "nowhere");
    const talos = talosctl(credentials, (text) => text);
    await expect(talos.version("10.0.0.1", idle)).rejects.toThrow(/there is no .*nowhere \(install talosctl/);
  });

  test("its version is its own word, and no tool has none", async () => {
    driver("echo Client:; echo Talos v1.13.0");
    expect(await talosctlVersion(idle)).toBe("v1.13.0");
    driver("echo broken >&2; exit 1");
    expect(await talosctlVersion(idle)).toBeUndefined();
    process.env.PLINTH_TALOSCTL = join(folder, "nowhere");
    expect(await talosctlVersion(idle)).toBeUndefined();
  });

  const rpc = (text: string) => `error: rpc error: code = ${text}`;
  test.each<[string, TalosFailure]>([
    [rpc('Unavailable desc = "error reading server preface: remote error: tls: expired certificate"'), "expired"],
    [
      rpc(
        'Unavailable desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2027-11-21T10:00:00Z is after 2026-11-21T10:00:00Z"',
      ),
      "expired",
    ],
    [
      rpc(
        'Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 10.0.0.1:50000: connect: connection refused"',
      ),
      "unreachable",
    ],
    [
      rpc(
        'Unavailable desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"',
      ),
      "foreign",
    ],
    [rpc("PermissionDenied desc = not authorized"), "denied"],
    [rpc("FailedPrecondition desc = bootstrap is not available yet"), "not-ready"],
    [
      "error: 1 error occurred:\n\t* 10.0.3.11: resource MachineConfigs.config.talos.dev(config/v1alpha1@undefined) doesn't exist",
      "not-ready",
    ],
    [rpc("AlreadyExists desc = etcd data directory is not empty"), "exists"],
    [rpc("InvalidArgument desc = failed to parse config"), "invalid"],
    [rpc("Unimplemented desc = unknown method"), "unsupported"],
    ["something else", "other"],
  ])("that fails with %s is %s", async (stderr, kind) => {
    const quoted = stderr.replaceAll("'", `'\\''`);
    await expect(driver(`echo '${quoted}' >&2; exit 1`).bootstrap("10.0.0.1")).rejects.toMatchObject({ kind });
  });

  test("tells a machine without configuration from one of another cluster", async () => {
    const script = `case "$*" in *--insecure*) exit 0;; esac; echo 'x509: certificate signed by unknown authority' >&2; exit 1`;
    await expect(driver(script).version("10.0.0.1", idle)).rejects.toMatchObject({ kind: "maintenance" });
  });

  test("a machine that takes its configuration between the two looks is of no other cluster", async () => {
    const unknown = "echo 'x509: certificate signed by unknown authority' >&2; exit 1";
    const installing = `case "$*" in *--insecure*) touch ${binary}.left; exit 1;; esac; [ -e ${binary}.left ] || { ${unknown}; }; printf 'Server:\\n\\tTag: v1.13.0\\n'`;
    await expect(driver(installing).version("10.0.0.1", idle)).resolves.toBe("v1.13.0");
    const foreign = `case "$*" in *--insecure*) exit 1;; esac; ${unknown}`;
    await expect(driver(foreign).version("10.0.0.1", idle)).rejects.toMatchObject({ kind: "foreign" });
  });
});

describe("an upgrade", () => {
  const words = () => readFileSync(join(folder, "args"), "utf8").replace(/ --talosconfig.*/s, "");

  test.each([
    ["pull", "image pull f/i:v1.13.9 --namespace system"],
    ["install", "upgrade --image f/i:v1.13.9 --no-reboot --progress plain"],
    ["installAndReboot", "upgrade --image f/i:v1.13.9 --drain=false --wait=false"],
    ["reboot", "reboot --drain=false --wait=false"],
  ] as const)("%s never drains by itself, and never waits for a reboot", async (call, expected) => {
    await driver(`echo "$@" > ${folder}/args`)[call]("10.0.0.1", "f/i:v1.13.9");
    expect(words()).toBe(expected);
  });

  test("of Kubernetes passes on what is being done, and never a line that may hold content", async () => {
    const heard: string[] = [];
    const talos = driver(
      `echo "$@" > ${folder}/args
       printf 'automatically detected the lowest Kubernetes version 1.35.4\nupdating "kube-apiserver" to version "1.36.3"\n'
       printf ' > "10.0.0.1": starting update\n+  password: hunter2\n   token: hunter2\nupdating manifests {"data": "hunter2"}\n'`,
    );
    const options = { signal: idle, progress: (line: string) => heard.push(line) };
    await talos.upgradeKubernetes("10.0.0.1", "v1.36.3", options);
    expect(words()).toBe("upgrade-k8s --to 1.36.3 --with-docs=false --with-examples=false");
    expect(heard).toEqual([
      "automatically detected the lowest Kubernetes version 1.35.4",
      'updating "kube-apiserver" to version "1.36.3"',
      '> "10.0.0.1": starting update',
    ]);
    const failing = driver(
      `echo 'data: {password: error hunter2}'; echo 'failed updating service "kubelet"' >&2; exit 1`,
    );
    const failure = await failing
      .upgradeKubernetes("10.0.0.1", "v1.36.3", options)
      .catch((error: Error) => error.message);
    expect(failure).toBe('upgrade-k8s --to: failed updating service "kubelet"');
  });

  test("ends when it is cancelled", async () => {
    const controller = new AbortController();
    const call = driver("exec sleep 60").upgradeKubernetes("10.0.0.1", "v1.36.3", {
      signal: controller.signal,
      progress: () => undefined,
    });
    setTimeout(() => controller.abort(new Error("cancelled")), 200);
    await expect(call).rejects.toThrow("cancelled");
  });
});

describe("reading talosctl's output", () => {
  test.each([
    [
      'error: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 10.0.0.1:50000: connect: connection refused"',
      "transport: Error while dialing: dial tcp 10.0.0.1:50000: connect: connection refused",
    ],
    [
      "error applying new configuration: 2 errors occurred:\n\t* 10.0.0.1: rpc error: code = InvalidArgument desc = no machine type\n\t* cluster is missing\n\n",
      "no machine type; cluster is missing",
    ],
    [
      'error: rpc error: code = Unavailable desc = "tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of x)"',
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ],
    ["flag provided but not defined", "flag provided but not defined"],
    ["", ""],
  ])("the sentence of %j", (stderr, sentence) => {
    expect(parse.errorSentence(stderr)).toBe(sentence);
  });

  test("members of etcd", () => {
    const text = [
      "NODE        ID                 HOSTNAME   PEER URLS                  CLIENT URLS                LEARNER",
      "10.0.0.11   06ae9a0e6eba4e12   cp-1       https://10.0.0.11:2380     https://10.0.0.11:2379     false",
      "10.0.0.11   aac2c4d6ad4e3e1f              https://10.0.0.12:2380                                true",
    ].join("\n");
    expect(parse.parseEtcdMembers(text)).toEqual([
      { id: "06ae9a0e6eba4e12", hostname: "cp-1", peerUrls: ["https://10.0.0.11:2380"], learner: false },
      { id: "aac2c4d6ad4e3e1f", hostname: "", peerUrls: ["https://10.0.0.12:2380"], learner: true },
    ]);
  });

  test("services and their health", () => {
    const text = [
      "NODE        SERVICE      STATE     HEALTH   LAST CHANGE   LAST EVENT",
      "10.0.0.11   apid         Running   OK       3m5s ago      Health check successful",
      "10.0.0.11   etcd         Running   Fail     3m5s ago      Health check failed",
      "10.0.0.11   ext-iscsid   Waiting   ?        3m5s ago      Waiting for file",
    ].join("\n");
    expect(parse.parseServices(text)).toEqual([
      { id: "apid", state: "Running", healthy: true },
      { id: "etcd", state: "Running", healthy: false },
      { id: "ext-iscsid", state: "Waiting", healthy: undefined },
    ]);
  });

  test("status of a member, alarms, a service's state, a schematic", () => {
    const status = [
      "NODE        MEMBER             DB SIZE   IN USE            LEADER             RAFT INDEX   RAFT TERM   RAFT APPLIED INDEX   LEARNER   PROTOCOL   STORAGE   ERRORS",
      "10.0.0.11   06ae9a0e6eba4e12   20 MB     3.9 MB (19.31%)   aac2c4d6ad4e3e1f   12           2           12                   false     3.6.8      3.6.0     alarm:NOSPACE, x",
    ].join("\n");
    expect(parse.parseEtcdStatus(status)).toEqual({
      bytes: 20_000_000,
      member: "06ae9a0e6eba4e12",
      leader: "aac2c4d6ad4e3e1f",
      learner: false,
      errors: ["alarm:NOSPACE", "x"],
    });
    expect(
      parse.parseEtcdAlarms("NODE        MEMBER             ALARM\n10.0.0.11   06ae9a0e6eba4e12   NOSPACE\n"),
    ).toEqual(["NOSPACE"]);
    expect(parse.parseEtcdAlarms("")).toEqual([]);
    expect(parse.parseServiceState("NODE     10.0.0.11\nID       etcd\nSTATE    Running\nHEALTH   OK\n")).toBe(
      "Running",
    );
    const extensions =
      "spec:\n  metadata:\n    name: zfs\n    version: 2.3\n---\nspec:\n  metadata:\n    name: schematic\n    version: abc123\n";
    expect(parse.parseSchematic(extensions)).toBe("abc123");
    const server = (id: string, version: number) =>
      `node: 10.0.0.11\nmetadata:\n    id: ${id}\n    version: ${version}\nspec:\n    localPort: 7443\n    args:\n        - secret\n`;
    expect(parse.parseApiServerConfig(server("kube-apiserver", 3))).toEqual({ version: "3", port: 7443 });
    expect(
      parse.parseApiServerConfig(`${server("kube-apiserver", 3)}---\n${server("final-kube-apiserver", 5)}`),
    ).toEqual({ version: "5", port: 7443 });
    expect(parse.parseApiServerConfig("")).toBeUndefined();
  });
});

describe("machine configurations", () => {
  const base = { version: "v1alpha1", machine: { type: "worker", token: "abc" }, cluster: { id: "x" } };
  const hostname = { apiVersion: "v1alpha1", kind: "HostnameConfig", hostname: "w-1" };

  test("are the same whatever the order of keys and documents", () => {
    const one = `${stringify(base)}---\n${stringify(hostname)}`;
    const other = `${stringify(hostname)}---\n${stringify({ cluster: base.cluster, machine: base.machine, version: "v1alpha1" })}`;
    expect(fingerprint(one)).toBe(fingerprint(other));
    expect(changedPaths(one, other)).toEqual([]);
  });

  test("differ by path, never by value", () => {
    const before = `${stringify(base)}---\n${stringify(hostname)}`;
    const after = stringify({ ...base, machine: { type: "worker", token: "topsecret", sysctls: { "vm.x": "1" } } });
    expect(changedPaths(before, after)).toEqual([".machine.token", '.machine.sysctls["vm.x"]', "HostnameConfig (all)"]);
  });

  test("are rendered by the official tool, patches in order, texts by descriptor", async () => {
    const { talosctl: tool } = await ensureTools(new Ticker(), undefined, ["talosctl"]);
    process.env.PLINTH_TALOSCTL = tool?.path;
    const talos = talosctl(credentials, (text) => text);
    const configuration = stringify({ version: "v1alpha1", machine: { type: "worker" }, cluster: {} });
    const patches = ["machine:\n  nodeLabels:\n    rack: a\n", "machine:\n  nodeLabels:\n    rack: b\n"];
    const rendered = await talos.render(configuration, patches, idle);
    expect(changedPaths(configuration, rendered)).toContain(".machine.nodeLabels.rack");
    expect(rendered).toMatch(/rack: b/);
    await expect(talos.render("machine: [", patches, idle)).rejects.toMatchObject({ kind: "invalid" });
  });
});
