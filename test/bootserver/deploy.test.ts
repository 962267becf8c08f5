/** The ready-made files: they parse, and name options, paths and ports that exist. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { ROOT } from "../support/site";

const text = (name: string) => readFileSync(path.join(ROOT, "bootserver/deploy", name), "utf8");
const command = readFileSync(path.join(ROOT, "cli/commands/boot.ts"), "utf8");
const options = new Set([...command.matchAll(/"(--[a-z-]+)[ "]/g)].map(([, option]) => option));
const unknownOptions = (from: string) =>
  [...from.matchAll(/--[a-z][a-z-]+/g)].map(([name]) => name).filter((name) => !options.has(name));
const SCRIPT = "http://10.0.0.2:8080/boot.ipxe";

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: Record<string, never>;
}

test("the systemd unit has its sections, and options the command knows", () => {
  const unit = text("plinth-boot.service");
  expect([...unit.matchAll(/^\[(\w+)\]$/gm)].map(([, name]) => name)).toEqual(["Unit", "Service", "Install"]);
  const exec = /^ExecStart=((?:.*\\\n)*.*)$/m.exec(unit)?.[1] ?? "";
  expect(exec).toContain("plinth boot serve");
  expect(unknownOptions(exec)).toEqual([]);
  for (const line of unit.replaceAll("\\\n", " ").split("\n")) expect(line).toMatch(/^(#.*|\[\w+\]|[A-Z]\w+=.*|)$/);
  if (has("systemd-analyze")) {
    execFileSync("systemd-analyze", ["verify", "--man=no", path.join(ROOT, "bootserver/deploy/plinth-boot.service")]);
  }
});

test("the Kubernetes manifest runs one server with options the command knows, and mounts what it names", () => {
  const manifests = parseAllDocuments(text("kubernetes.yaml")).map((document) => document.toJS() as Manifest);
  expect(manifests.map(({ kind }) => kind)).toEqual(["Namespace", "PersistentVolumeClaim", "Deployment", "Service"]);
  // biome-ignore lint/suspicious/noExplicitAny: a manifest is a tree of what Kubernetes takes.
  const deployment = manifests[2] as any;
  const pod = deployment.spec.template.spec;
  const [container] = pod.containers;
  expect([deployment.spec.replicas, deployment.spec.strategy.type]).toEqual([1, "Recreate"]);
  expect(unknownOptions(container.args.map((arg: string) => arg.split("=")[0]).join(" "))).toEqual([]);
  const mounts = container.volumeMounts.map(({ name, mountPath }: Record<string, string>) => [name, mountPath]);
  expect(mounts.map(([name]: string[]) => name).sort()).toEqual(
    pod.volumes.map(({ name }: { name: string }) => name).sort(),
  );
  for (const arg of container.args as string[]) {
    const file = /=(\/.+)$/.exec(arg)?.[1];
    if (file !== undefined) expect(mounts.some(([, at]: string[]) => file.startsWith(at ?? "-"))).toBe(true);
  }
});

test("dnsmasq gives iPXE to firmware and the script to iPXE, for every architecture", () => {
  const lines = text("dnsmasq.conf")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const services = lines.flatMap(
    (line) => /^pxe-service=tag:(!?ipxe),([\w-]+),"[^"]+",(.+)$/.exec(line)?.slice(1) ?? [],
  );
  const of = (tag: string) =>
    services.flatMap((value, at) => (value === tag ? [[services[at + 1], services[at + 2]]] : []));
  expect(of("ipxe").map(([arch]) => arch)).toEqual(of("!ipxe").map(([arch]) => arch));
  expect(new Set(of("ipxe").map(([, file]) => file))).toEqual(new Set([SCRIPT]));
  const known = /^(port|log-dhcp|dhcp-range|enable-tftp|tftp-root|tftp-secure|dhcp-userclass|pxe-service)(=|$)/;
  expect(lines.filter((line) => !known.test(line))).toEqual([]);
  if (has("dnsmasq")) execFileSync("dnsmasq", ["--test", "-C", path.join(ROOT, "bootserver/deploy/dnsmasq.conf")]);
});

test("Kea gives iPXE to firmware and the script to iPXE", () => {
  const { Dhcp4 } = JSON.parse(text("kea-dhcp4.json"));
  const classes: Record<string, string>[] = Dhcp4["client-classes"];
  expect(classes.map(({ name }) => name)).toEqual(["ipxe", "bios", "uefi", "uefi-arm64"]);
  expect(classes[0]?.["boot-file-name"]).toBe(SCRIPT);
  for (const { test: condition } of classes.slice(1)) expect(condition).toMatch(/^not member\('ipxe'\) and /);
  if (has("kea-dhcp4")) execFileSync("kea-dhcp4", ["-t", path.join(ROOT, "bootserver/deploy/kea-dhcp4.json")]);
});

function has(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}
