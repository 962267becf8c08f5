/** The one real implementation of {@link Talos}: the official talosctl. */
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dump } from "js-yaml";
import type { ClientConfiguration } from "../../components/talos/binding";
import { traced } from "../trace";
import * as parse from "./parse";
import { type Output, run, secretPath, talosctlBinary } from "./run";
import { type Talos, TalosError, type TalosFailure } from "./talos";

/** Longest duration of calls in seconds. */
const READ = 10;
const PROBE = 5;
const WRITE = 60;
const LOCAL = 20;
/** An installer image over a slow line, then its installation. */
const INSTALL = 1800;
/** Every component of hundreds of nodes, one after the other. */
const KUBERNETES = 6 * 3600;
/** A database of etcd's largest size, 8 GB, over a slow line. */
const TRANSFER = 1800;

const API_SERVER = "APIServerConfigs.kubernetes.talos.dev";

/** What a person needs to hear beside the error's own words. */
const HINTS: { readonly [kind in TalosFailure]?: string } = {
  foreign: "the machine belongs to another cluster, or its secrets are not the ones in this stack",
  maintenance: "the machine is in maintenance mode: it has no configuration",
  expired:
    "a certificate is not valid at this time: compare the clocks of the machine and of this host; if they are right, the stack's own has ended (docs/certificates.md of plinth)",
  denied: "the client certificate is not allowed to do this",
};

export function talosctl(credentials: ClientConfiguration, redact: (text: string) => string): Talos {
  const binary = talosctlBinary();
  const talosconfig = dump({
    context: "plinth",
    contexts: {
      plinth: {
        endpoints: [],
        ca: credentials.caCertificate,
        crt: credentials.clientCertificate,
        key: credentials.clientKey,
      },
    },
  });

  const fail = (node: string, what: string, kind: TalosFailure, stderr: string): TalosError => {
    const hint = HINTS[kind];
    const text = `${what}: ${redact(parse.errorSentence(stderr))}`;
    return new TalosError(kind, node, hint === undefined ? text : `${text} (${hint})`);
  };

  const inMaintenance = async (node: string, signal: AbortSignal): Promise<boolean> => {
    const args = ["version", "--short", "--insecure", "--endpoints", node, "--nodes", node];
    try {
      const output = await run(binary, { node, args, secrets: [], seconds: PROBE, signal });
      return output.code === 0;
    } catch (error) {
      if (error instanceof TalosError && error.kind === "unreachable") return false;
      throw error;
    }
  };

  /** One call of one node at its own address, with the cluster's client certificate. */
  const call = async (
    node: string,
    args: readonly string[],
    options: {
      readonly signal?: AbortSignal;
      readonly seconds?: number;
      readonly file?: string;
      readonly onLine?: (line: string) => void;
      readonly open?: number;
    } = {},
  ): Promise<Output> => {
    const attempt = (): Promise<Output> =>
      run(binary, {
        node,
        args: [...args, "--talosconfig", secretPath(0), "--endpoints", node, "--nodes", node],
        secrets: options.file === undefined ? [talosconfig] : [talosconfig, options.file],
        ...(options.open !== undefined && { files: [options.open] }),
        seconds: options.seconds ?? READ,
        ...(options.signal !== undefined && { signal: options.signal }),
        ...(options.onLine !== undefined && { onLine: options.onLine }),
      });
    const what = args.slice(0, 2).join(" ");
    let output = await attempt();
    if (output.code !== 0 && ["foreign", "expired"].includes(parse.classify(output.stderr))) {
      // A machine without configuration shows a certificate of its own making, like a machine of another cluster, and
      // dated by its own clock. One that takes its configuration between the two looks is neither: only a second refusal
      // is believed.
      const unconfigured = await inMaintenance(node, options.signal ?? AbortSignal.timeout(PROBE * 1000));
      if (unconfigured) throw fail(node, what, "maintenance", output.stderr);
      output = await attempt();
    }
    if (output.code === 0) return output;
    throw fail(node, what, parse.classify(output.stderr), output.stderr);
  };

  const parsed = <T>(node: string, what: string, value: T | undefined, output: Output): T => {
    if (value !== undefined) return value;
    throw new TalosError("other", node, `${what}: cannot read the answer: ${redact(output.stdout.slice(0, 200))}`);
  };

  const driver: Talos = {
    async version(node, signal) {
      const output = await call(node, ["version"], { signal });
      return parsed(node, "version", parse.parseVersion(output.stdout), output);
    },
    async schematic(node, signal) {
      try {
        const output = await call(node, ["get", "extensions", "--output", "yaml"], { signal });
        return parse.parseSchematic(output.stdout);
      } catch (error) {
        if (error instanceof TalosError && error.kind === "unsupported") return undefined;
        throw error;
      }
    },
    async configuration(node, signal) {
      const output = await call(node, ["get", "machineconfig", "v1alpha1", "--output", "jsonpath={.spec}"], { signal });
      return parsed(node, "machineconfig", output.stdout.trim() === "" ? undefined : output.stdout, output);
    },
    async apiServerConfig(node, signal) {
      try {
        const output = await call(node, ["get", API_SERVER, "--output", "yaml"], { signal });
        return parse.parseApiServerConfig(output.stdout);
      } catch (error) {
        if (error instanceof TalosError && error.kind === "unsupported") return {};
        throw error;
      }
    },
    async bootId(node, signal) {
      const output = await call(node, ["read", "/proc/sys/kernel/random/boot_id"], { signal });
      return output.stdout.trim();
    },
    async stage(node, signal) {
      const output = await call(node, ["get", "machinestatus", "--output", "jsonpath={.spec.stage}"], { signal });
      return output.stdout.trim();
    },
    async etcdState(node, signal) {
      try {
        const output = await call(node, ["service", "etcd"], { signal });
        return parsed(node, "service etcd", parse.parseServiceState(output.stdout), output);
      } catch (error) {
        if (error instanceof TalosError && error.kind === "unsupported") return "Absent";
        throw error;
      }
    },
    async etcdMembers(node, signal) {
      return parse.parseEtcdMembers((await call(node, ["etcd", "members"], { signal })).stdout);
    },
    async etcdStatus(node, signal) {
      const output = await call(node, ["etcd", "status"], { signal });
      return parsed(node, "etcd status", parse.parseEtcdStatus(output.stdout), output);
    },
    async etcdAlarms(node, signal) {
      try {
        return parse.parseEtcdAlarms((await call(node, ["etcd", "alarm", "list"], { signal })).stdout);
      } catch (error) {
        // A node that cannot list alarms still reports a raised one as an error in its etcd status.
        if (error instanceof TalosError && error.kind === "unsupported") return [];
        throw error;
      }
    },
    async forfeitLeadership(node) {
      await call(node, ["etcd", "forfeit-leadership"], { seconds: WRITE });
    },
    async etcdRemoveMember(node, id) {
      await call(node, ["etcd", "remove-member", id], { seconds: WRITE });
    },
    async etcdSnapshot(node, into, signal) {
      // talosctl writes `<path>.part` and renames it. Through a link both names lead to the nameless file, so that what
      // a killed run leaves is a link to nowhere.
      const folder = mkdtempSync(join(tmpdir(), ".plinth-snapshot-"));
      const path = join(folder, "db");
      try {
        symlinkSync(secretPath(1), `${path}.part`);
        await call(node, ["etcd", "snapshot", path], { signal, seconds: TRANSFER, open: into });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    async bootstrap(node) {
      await call(node, ["bootstrap"], { seconds: WRITE });
    },
    async recover(node, from) {
      await call(node, ["bootstrap", "--recover-from", secretPath(1)], { seconds: TRANSFER, open: from });
    },
    async wipe(node, labels) {
      const flags = labels.flatMap((label) => ["--system-labels-to-wipe", label]);
      await call(node, ["reset", "--graceful=false", "--reboot", "--wait=false", ...flags], { seconds: WRITE });
    },
    async apply(node, configuration) {
      const args = ["apply-config", "--mode", "auto", "--file", secretPath(1)];
      const output = await call(node, args, { seconds: WRITE, file: configuration });
      return { reboots: /with a reboot/i.test(output.stderr + output.stdout) };
    },
    async applyFirst(node, configuration) {
      const args = ["apply-config", "--insecure", "--endpoints", node, "--nodes", node, "--file", secretPath(0)];
      const output = await run(binary, { node, args, secrets: [configuration], seconds: WRITE });
      if (output.code !== 0) {
        throw fail(node, "apply-config --insecure", parse.classify(output.stderr), output.stderr);
      }
    },
    async reset(node, { graceful }) {
      // Only Talos' own partitions: a disk with user data on it must not be wiped along.
      const labels = ["--system-labels-to-wipe", "STATE", "--system-labels-to-wipe", "EPHEMERAL"];
      const args = ["reset", `--graceful=${graceful}`, "--reboot", "--wait=false", ...labels];
      await call(node, args, { seconds: WRITE });
    },
    async services(node, signal) {
      return parse.parseServices((await call(node, ["services"], { signal })).stdout);
    },
    async pull(node, image) {
      await call(node, ["image", "pull", image, "--namespace", "system"], { seconds: INSTALL });
    },
    async install(node, image) {
      await call(node, ["upgrade", "--image", image, "--no-reboot", "--progress", "plain"], { seconds: INSTALL });
    },
    async installAndReboot(node, image) {
      await call(node, ["upgrade", "--image", image, "--drain=false", "--wait=false"], { seconds: INSTALL });
    },
    async reboot(node) {
      await call(node, ["reboot", "--drain=false", "--wait=false"], { seconds: WRITE });
    },
    async upgradeKubernetes(node, version, { signal, progress }) {
      // Its output holds manifests, Secrets among them: only the lines that say what is being done are passed on.
      const onLine = (line: string): void => {
        const said = parse.kubernetesProgress(line);
        if (said !== undefined) progress(redact(said));
      };
      const args = ["upgrade-k8s", "--to", version.replace(/^v/, ""), "--with-docs=false", "--with-examples=false"];
      await call(node, args, { signal, seconds: KUBERNETES, onLine });
    },
    inMaintenance,
    async render(configuration, patches, signal) {
      if (patches.length === 0) return configuration;
      const flags = patches.flatMap((_, index) => ["--patch", `@${secretPath(index + 1)}`]);
      const args = ["machineconfig", "patch", secretPath(0), ...flags];
      const output = await run(binary, {
        node: "",
        args,
        secrets: [configuration, ...patches],
        seconds: LOCAL,
        signal,
      });
      if (output.code !== 0) throw fail("", "machineconfig patch", "invalid", output.stderr);
      return output.stdout;
    },
  };
  return traced("talos", driver);
}
