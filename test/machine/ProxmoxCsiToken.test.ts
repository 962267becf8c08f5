import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { ProxmoxCsiToken } from "../../components/machine/proxmox/ProxmoxCsiToken";
import { type Registered, recordGraph } from "../support/graph";

const SECRET = "5f1e-not-to-be-seen";
const answers = {
  resource: () => ({ stdout: JSON.stringify({ "full-tokenid": "kubernetes-csi-home@pve!csi", value: SECRET }) }),
};
const made = (cluster = "home") =>
  recordGraph(
    () => new ProxmoxCsiToken("csi", { cluster, connection: { host: "pve1", user: "root", privateKey: SECRET } }),
    answers,
  );
const named = (resources: readonly Registered[], name: string) => {
  const found = resources.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no ${name} in ${resources.map((each) => each.name).join(", ")}`);
  return found;
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-pveum-"));
  for (const kind of ["role", "user", "token", "bin"]) mkdirSync(path.join(folder, kind));
  // As the real one: nothing is made twice, nothing is removed that is not there, a user takes its tokens along.
  const pveum = `#!/bin/sh
cd '${folder}' || exit 9
echo "$*" >>calls
[ ! -e broken ] || case "$*" in *"$(cat broken)"*) exit 7 ;; esac
case "$1 $2 $3" in
  "role add "*) [ ! -e "role/$3" ] && echo "$5" >"role/$3" ;;
  "role modify "*) [ -e "role/$3" ] && echo "$5" >"role/$3" ;;
  "role delete "*) rm "role/$3" ;;
  "user add "*) [ ! -e "user/$3" ] && : >"user/$3" ;;
  "user modify "*) [ -e "user/$3" ] ;;
  "user delete "*) rm "user/$3" && rm -f "token/$3"* ;;
  "acl modify /") [ -e "user/$5" ] && [ -e "role/$7" ] ;;
  "user token add") [ -e "user/$4" ] && [ ! -e "token/$4!$5" ] && : >"token/$4!$5" &&
    echo "{\\"full-tokenid\\":\\"$4!$5\\",\\"value\\":\\"secret-$(wc -l <calls)\\"}" ;;
  "user token remove") rm "token/$4!$5" ;;
  *) echo "pveum: $*?" >&2; exit 8 ;;
esac`;
  writeFileSync(path.join(folder, "bin", "pveum"), pveum);
  chmodSync(path.join(folder, "bin", "pveum"), 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a script in a shell that has the false `pveum`. */
function shell(script: unknown): string {
  const env = { ...process.env, PATH: `${path.join(folder, "bin")}${path.delimiter}${process.env.PATH}` };
  return execFileSync("sh", ["-c", String(script)], { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
const there = () => ["role", "user", "token"].map((kind) => readdirSync(path.join(folder, kind)));
const ALL = [["KubernetesCsi-home"], ["kubernetes-csi-home@pve"], ["kubernetes-csi-home@pve!csi"]];

test("makes role, user and token of the cluster, also after a run that was cut off, and takes all three away again", async () => {
  const { resources, result } = await made();
  expect(result.tokenId).toBe("kubernetes-csi-home@pve!csi");
  const { create } = named(resources, "csi-home-token").inputs;
  const { delete: remove } = named(resources, "csi-home-end").inputs;

  const first = JSON.parse(shell(create));
  expect(there()).toEqual(ALL);
  // A token tells its secret once: one that an earlier run left is made anew.
  const again = JSON.parse(shell(create));
  expect(there()).toEqual(ALL);
  expect(again["full-tokenid"]).toBe(result.tokenId);
  expect(again.value).not.toBe(first.value);
  for (const step of ["role add", "user add", "acl modify", "token add"]) {
    shell(remove);
    writeFileSync(path.join(folder, "broken"), step);
    expect(() => shell(create)).toThrow();
    rmSync(path.join(folder, "broken"));
    shell(create);
    expect([step, there()]).toEqual([step, ALL]);
  }

  shell(remove);
  expect(there()).toEqual([[], [], []]);
  shell(remove);
  expect(existsSync(path.join(folder, "calls"))).toBe(true);
});

test("its secret and the way in are secret", async () => {
  const { resources, result } = await made();
  for (const { inputs, secretOutputs } of [named(resources, "csi-home-token"), named(resources, "csi-home-end")]) {
    expect(secretOutputs).toEqual(expect.arrayContaining(["connection", "stderr", "stdout"]));
    expect(pulumi.runtime.isRpcSecret(inputs.connection)).toBe(true);
  }
  expect(await pulumi.isSecret(result.secret)).toBe(true);
  const value = await new Promise((resolve) => pulumi.unsecret(result.secret).apply(resolve));
  expect(value).toBe(SECRET);
});

test("another cluster is another user beside the old one, and another SSH key revokes nothing", async () => {
  const home = (await made("home")).resources.map(({ name }) => name);
  const other = (await made("other")).resources;
  expect(other.filter(({ name }) => home.includes(name)).map(({ name }) => name)).toEqual(["csi"]);
  const token = named(other, "csi-other-token");
  // Whatever changes of it would run `create` again; what takes it away, and the way there, is up to date.
  expect(Object.keys(token.inputs).filter((key) => !token.ignoreChanges.includes(key))).toEqual(["logging"]);
  const end = named(other, "csi-other-end");
  expect([end.ignoreChanges, Object.keys(end.inputs).sort()]).toEqual([[], ["connection", "delete", "logging"]]);
  // Made first, so that it ends after the token: what a failed run has left is taken away as well.
  expect(token.dependsOn).toEqual(["csi-other-end"]);
});

test("a name that could be more than a name is refused", async () => {
  await expect(made("home; rm -rf /")).rejects.toThrow(/cannot be part of a Proxmox user/);
});
