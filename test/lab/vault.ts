import type { StackFile } from "../support/lab";
import { lab, mustLab } from "../support/lab";
import { eventually, type PlatformLab } from "../support/platformlab";

const NAMESPACE = "shop";
const PASSWORD = "shop-database";
const KEYS = ["vault-root", ...[0, 1, 2, 3, 4].map((n) => `vault-unseal-${n}`)];

/** A workload that reads the password and asks to be restarted with it. */
const workload = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "shop", namespace: NAMESPACE, annotations: { "reloader.stakater.com/auto": "true" } },
  spec: {
    selector: { matchLabels: { app: "shop" } },
    template: {
      metadata: { labels: { app: "shop" } },
      spec: {
        containers: [
          { name: "shop", image: "registry.example.org/shop:1", envFrom: [{ secretRef: { name: PASSWORD } }] },
        ],
      },
    },
  },
};

/** Vault and External Secrets in the lab of the standard platform. */
export function vaultTests(platform: PlatformLab, site: StackFile): void {
  const { kubectl, get, create, updated, releases, refusal } = platform;
  const vault = async () => (await get("vaults.vault.banzaicloud.com", "vault", "-n", "vault")).status;
  const health = async (member = "vault") =>
    JSON.parse(
      await kubectl("get", "--raw", `/api/v1/namespaces/vault/services/https:${member}:8200/proxy/v1/sys/health`),
    );
  /** The password's Secret as texts, with what it was made as. */
  const handed = async (): Promise<{ readonly uid: string; readonly texts: Readonly<Record<string, string>> }> => {
    const { data, metadata } = await get("secret", PASSWORD, "-n", NAMESPACE);
    const texts = Object.entries<string>(data).map(([key, text]) => [key, Buffer.from(text, "base64").toString()]);
    return { uid: metadata.uid, texts: Object.fromEntries(texts) };
  };
  /** Has a controller look at an object again, and waits until it has. */
  const refreshed = async (kind: string, name: string, namespace: string): Promise<void> => {
    const version = async (): Promise<string> => (await get(kind, name, "-n", namespace)).status.syncedResourceVersion;
    const before = await version();
    await kubectl("annotate", kind, name, "-n", namespace, "--overwrite", `force-sync=${Date.now()}`);
    await eventually(version, (found) => found !== before);
  };

  describe("with Vault in it", () => {
    it("is unsealed with keys that lie where the documentation says", async () => {
      expect(await vault()).toMatchObject({
        nodes: ["vault-0", "vault-1", "vault-2"],
        leader: expect.stringMatching(/^vault-\d$/),
        conditions: [{ type: "Healthy", status: "True" }],
      });
      expect(await health()).toMatchObject({ initialized: true, sealed: false, standby: false });
      const keys = await get("secret", "vault-unseal-keys", "-n", "vault");
      expect(Object.keys(keys.data).sort()).toEqual(KEYS);
      // What reads from Vault began behind its gate.
      const reader = await get("deployment", "external-secrets", "-n", "external-secrets");
      const born = ({ metadata }: { metadata: { creationTimestamp: string } }) =>
        Date.parse(metadata.creationTimestamp);
      expect(born(reader)).toBeGreaterThanOrEqual(born(keys));
      const { items } = await get("pods", "-n", "vault", "-l", "app.kubernetes.io/name=vault");
      const nodes = items.map(({ spec }: { spec: { nodeName: string } }) => spec.nodeName);
      expect(new Set(nodes).size).toBe(3);
    });

    it("opens a member that begins anew with the same keys, while another one leads", async () => {
      const { data: keys } = await get("secret", "vault-unseal-keys", "-n", "vault");
      const { leader } = await vault();
      const uid = async (): Promise<string> => (await get("pod", leader, "-n", "vault")).metadata.uid;
      const before = await uid();
      await kubectl("delete", "pod", leader, "-n", "vault");
      await eventually(uid, (found) => found !== before);
      await kubectl("wait", `pod/${leader}`, "-n", "vault", "--for=condition=Ready", "--timeout=90s");
      await eventually(vault, ({ conditions }) => conditions[0].status === "True");
      expect(await health()).toMatchObject({ initialized: true, sealed: false });
      expect((await get("secret", "vault-unseal-keys", "-n", "vault")).data).toEqual(keys);
    });

    it("gives the Job that guards its upgrade a snapshot, and nobody else", async () => {
      const { items } = await get("jobs", "-n", "vault");
      const [guard] = items;
      expect(guard.metadata.name).toMatch(/^vault-snapshot-/);
      // At first there was no Vault; now the same Job finds one.
      const again = (name: string, account: string) => {
        const { template, backoffLimit, activeDeadlineSeconds } = guard.spec;
        const spec = { ...template.spec, serviceAccountName: account, serviceAccount: account };
        return {
          apiVersion: "batch/v1",
          kind: "Job",
          metadata: { name, namespace: "vault" },
          spec: { backoffLimit, activeDeadlineSeconds, template: { spec } },
        };
      };
      await create(again("snapshot-again", "vault-snapshots"));
      await create(again("snapshot-stolen", "default"));
      await kubectl("wait", "job/snapshot-again", "-n", "vault", "--for=condition=Complete", "--timeout=90s");
      const log = await mustLab(platform.name, "logs", "--lines", "10000");
      expect(log).toMatch(
        /vault\/snapshot-again-\S+: Vault has given a snapshot for \/snapshots\/vault-snapshot-\S+\.snap/,
      );
      expect(log).toMatch(/vault\/snapshot-stolen-\S+: vault: POST auth\/kubernetes\/login: 403/);
      expect((await get("job", "snapshot-stolen", "-n", "vault")).status.succeeded ?? 0).toBe(0);
      await kubectl("delete", "job", "snapshot-again", "snapshot-stolen", "-n", "vault");
    });

    it("has a store that judges, and lets in nobody but External Secrets", async () => {
      const store = await get("clustersecretstore", "vault");
      expect(store.status).toMatchObject({
        capabilities: "ReadWrite",
        conditions: [{ type: "Ready", status: "True", reason: "Valid" }],
      });
      const { metadata: _, status: __, ...same } = store;
      const named = (name: string) => ({ ...structuredClone(same), metadata: { name } });
      const stranger = named("stranger");
      stranger.spec.provider.vault.auth.kubernetes.serviceAccountRef.name = "external-secrets-webhook";
      await create(stranger);
      const { conditions } = (
        await eventually(
          () => get("clustersecretstore", "stranger"),
          ({ status }) => status?.conditions !== undefined,
        )
      ).status;
      expect(conditions).toMatchObject([{ status: "False", reason: "InvalidProviderConfig" }]);
      await kubectl("delete", "clustersecretstore", "stranger");

      const external = (data: readonly object[]) => ({
        apiVersion: "external-secrets.io/v1",
        kind: "ExternalSecret",
        metadata: { name: "odd", namespace: "default" },
        spec: { secretStoreRef: { kind: "ClusterSecretStore", name: "vault" }, data },
      });
      const entry = { secretKey: "a", remoteRef: { key: "generated/a/1", property: "password" } };
      expect(await refusal(external([entry]))).toBe("");
      expect(await refusal(external([entry, entry]))).toMatch(/duplicate secretKey found: a/);
      expect(await refusal(external([]))).toMatch(/either data or dataFrom should be specified/);
      expect(await refusal(external([{ ...entry, remoteReff: {} }]))).toMatch(
        /unknown field "spec.data\[0\].remoteReff"/,
      );
    });

    it("hands out a password that nothing makes again", async () => {
      await create({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
      await create(workload);
      const first = await eventually(handed, ({ texts }) => texts.password !== undefined);
      expect(first.texts).toEqual({ password: expect.stringMatching(/^[A-Za-z0-9]{32}$/) });

      await kubectl("delete", "secret", PASSWORD, "-n", NAMESPACE);
      const second = await eventually(handed, ({ uid }) => uid !== first.uid);
      expect(second.texts).toEqual(first.texts);

      await kubectl("patch", "secret", PASSWORD, "-n", NAMESPACE, "--patch", '{"stringData":{"password":"guessed"}}');
      await eventually(handed, ({ texts }) => texts.password === first.texts.password);

      // The generator makes another one at every look; Vault has one already.
      await refreshed("pushsecret", `generated-${PASSWORD}-1`, "external-secrets");
      await refreshed("externalsecret", PASSWORD, NAMESPACE);
      expect(await handed()).toEqual(second);
    });

    it("rotates it with the one before still handed out, and restarts what reads it", async () => {
      const { texts: before } = await handed();
      const helm = await releases();
      const rotate = (change: object) =>
        site.edit(({ platform }) => Object.assign(platform["external-secrets"].generated[PASSWORD], change));
      rotate({ generation: 2 });
      const touched = await updated();
      expect(touched.filter((line) => !line.includes("external-secrets"))).toEqual([]);
      expect(await releases()).toEqual(helm);
      const { texts: both } = await eventually(handed, ({ texts }) => texts.previous !== undefined);
      expect(both).toEqual({ password: expect.stringMatching(/^[A-Za-z0-9]{32}$/), previous: before.password });
      expect(both.password).not.toBe(before.password);
      const template = async () => (await get("deployment", "shop", "-n", NAMESPACE)).spec.template.metadata;
      const { annotations } = await eventually(template, (found) => found.annotations !== undefined);
      expect(JSON.parse(annotations["reloader.stakater.com/last-reloaded-from"])).toMatchObject({ name: PASSWORD });

      rotate({ previous: false });
      await updated();
      const { texts: after } = await eventually(handed, ({ texts }) => texts.previous === undefined);
      expect(after).toEqual({ password: both.password });
    });

    it("opens again after a power cut of everything, and has the password still", async () => {
      const { texts } = await handed();
      await mustLab(platform.name, "down");
      const { code, stderr } = await lab(platform.name, ["up"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("nothing had to change") });
      await kubectl("delete", "secret", PASSWORD, "-n", NAMESPACE);
      expect((await eventually(handed, (found) => found.texts.password !== undefined)).texts).toEqual(texts);
      await eventually(vault, ({ conditions }) => conditions[0].status === "True");
    });
  });
}
