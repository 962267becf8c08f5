import * as pulumi from "@pulumi/pulumi";
import { ProxmoxCsiToken } from "../../components/machine/proxmox/ProxmoxCsiToken";
import { recordGraph } from "../support/graph";

const SECRET = "5f1e-not-to-be-seen";
const answers = {
  resource: () => ({ stdout: JSON.stringify({ "full-tokenid": "kubernetes-csi-home@pve!csi", value: SECRET }) }),
};
const made = (cluster = "home") =>
  recordGraph(
    () => new ProxmoxCsiToken("csi", { cluster, connection: { host: "pve1", user: "root", privateKey: SECRET } }),
    answers,
  );

test("makes role, user and token of the cluster, and takes all three away again", async () => {
  const { resources, result } = await made();
  const [, token] = resources;
  const { create, delete: remove } = (token?.inputs ?? {}) as { create: string; delete: string };
  for (const each of ["pveum role add KubernetesCsi-home", "pveum user add kubernetes-csi-home@pve", "token add"]) {
    expect(create).toContain(each);
  }
  expect(remove.split("\n").map((line) => line.split(" ").slice(0, 4).join(" "))).toEqual([
    "pveum user token remove",
    "pveum user delete kubernetes-csi-home@pve",
    "pveum role delete KubernetesCsi-home",
  ]);
  expect(result.tokenId).toBe("kubernetes-csi-home@pve!csi");
});

test("its secret and the way in are secret, and a rerun after a crash makes it anew", async () => {
  const { resources, result } = await made();
  const [, token] = resources;
  expect(token?.secretOutputs).toEqual(expect.arrayContaining(["connection", "stderr", "stdout"]));
  expect(pulumi.runtime.isRpcSecret(token?.inputs.connection)).toBe(true);
  expect(await pulumi.isSecret(result.secret)).toBe(true);
  const value = await new Promise((resolve) => pulumi.unsecret(result.secret).apply(resolve));
  expect(value).toBe(SECRET);
  // A token tells its secret once: one that an earlier run left is removed before it is added.
  expect(String(token?.inputs.create)).toMatch(/token remove kubernetes-csi-home@pve csi[\s\S]*token add/);
});

test("a name that could be more than a name is refused", async () => {
  await expect(made("home; rm -rf /")).rejects.toThrow(/cannot be part of a Proxmox user/);
});
