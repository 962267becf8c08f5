import type { PlatformService } from "../../components/kubernetes/service";
import { chartPin, imageReference } from "../../components/release/versions";
import { externalSecretsService } from "../../components/secrets/service/externalsecrets";
import { type GeneratedSecret, generatedObjects } from "../../components/secrets/service/generated";
import { sealedSecretsService } from "../../components/secrets/service/sealedsecrets";
import { vaultService } from "../../components/secrets/service/vault";

// biome-ignore lint/suspicious/noExplicitAny: reads deep into plain data
const specOf = (service: PlatformService, key: string): any => service.objects?.[key]?.spec;

describe("Sealed Secrets", () => {
  test("finds its key when it starts, and never makes another", () => {
    const { keep, secrets, chart } = sealedSecretsService({});
    expect(keep?.keypairs).toEqual({ "sealed-secrets": { commonName: "sealed-secrets", authority: false, years: 10 } });
    expect(secrets?.key).toMatchObject({
      type: "kubernetes.io/tls",
      labels: { "sealedsecrets.bitnami.com/sealed-secrets-key": "active" },
    });
    expect(chart?.values).toMatchObject({ keyrenewperiod: "0" });
  });
});

describe("Vault", () => {
  test("keeps its data on Raft, each under an address of its own, in three or in one", () => {
    const three = specOf(vaultService({}), "vault");
    expect(three).toMatchObject({
      size: 3,
      image: imageReference("vault"),
      config: {
        disable_mlock: true,
        storage: { raft: { path: "/vault/file" } },
        api_addr: "https://vault.vault:8200",
      },
      volumeMounts: [{ name: "vault-raft", mountPath: "/vault/file" }],
    });
    expect(three.config.cluster_addr).toBe(`https://\${.Env.POD_NAME}:8201`);
    expect(chartPin("vault-operator").images).toContain(three.bankVaultsImage);
    expect(specOf(vaultService({ profile: "minimal" }), "vault").size).toBe(1);
    expect(specOf(vaultService({ profile: "minimal", members: 5 }), "vault").size).toBe(5);
  });

  test("lets pods in by their service accounts, and begins without single sign-on", () => {
    const { auth } = specOf(vaultService({}), "vault").externalConfig;
    expect(auth.map(({ type }: { type: string }) => type)).toEqual(["kubernetes"]);
    expect(auth[0].roles[0]).toMatchObject({
      bound_service_account_names: ["external-secrets"],
      bound_service_account_namespaces: ["external-secrets"],
    });
    expect(vaultService({}).needs).toEqual(["network", "storage"]);
    expect(vaultService({ storageClass: "fast" }).needs).toEqual(["network", "storage-class:fast"]);
  });

  test("is copied before it changes: another version is another Job, which has to be over", () => {
    const { guard } = vaultService({});
    const job = guard?.objects.snapshot;
    expect(job?.metadata.name).toBe(
      `vault-snapshot-${imageReference("vault").split(":")[1]}-${chartPin("vault-operator").version}`.replace(
        /\./g,
        "-",
      ),
    );
    expect(Object.values(guard?.done ?? {})[0]).toMatchObject({
      ...{ kind: "Job", name: job?.metadata.name, condition: "Complete" },
    });
    expect(JSON.stringify(job)).toContain("vault operator raft snapshot save");
  });

  test("never loses a member: those that go would still be counted", () => {
    const [, members] = Object.values(vaultService({ members: 1 }).guard?.done ?? {});
    const set = { kind: "StatefulSet", name: "vault" };
    expect(members).toMatchObject({ ...set, field: "spec.replicas", atMost: 1, onlyWith: set });
  });

  test("is waited for until every member is unsealed", () => {
    const unsealed = (settings: object) => vaultService(settings).exit["every member of Vault is unsealed"];
    expect(unsealed({})).toMatchObject({ kind: "StatefulSet", field: "status.readyReplicas", equals: "3" });
    expect(unsealed({ profile: "minimal" })).toMatchObject({ equals: "1" });
  });

  test("is waited for until every member runs the image that is wanted", () => {
    const { exit } = vaultService({});
    expect(exit["Vault's operator has handed out the image"]).toMatchObject({ equals: imageReference("vault") });
    expect(exit["every member of Vault was started as it is wanted"]).toMatchObject({
      field: "status.updatedReplicas",
      equals: "3",
    });
  });

  test("says where its unseal keys are, and warns where nothing keeps them", () => {
    expect(vaultService({}).warnings?.[0]).toMatch(/vault\/vault-unseal-keys.*\(backup\)/);
    expect(vaultService({ backup: true }).warnings).toEqual([]);
    expect(vaultService({}).secrets?.unseal).toMatchObject({ text: { stack: "vault-unseal-keys" }, optional: true });
  });
});

test("every namespace reads from Vault, or those that are named and those of generated passwords", () => {
  const store = (settings: object) => specOf(externalSecretsService({ vault: true, ...settings }), "store");
  expect(store({})).not.toHaveProperty("conditions");
  const generated = { git: { namespaces: ["git"] } };
  expect(store({ namespaces: ["shop"], generated }).conditions).toEqual([
    { namespaces: ["external-secrets", "git", "shop"] },
  ]);
});

describe("generated passwords", () => {
  // biome-ignore lint/suspicious/noExplicitAny: reads deep into plain data
  const of = (secret: Partial<GeneratedSecret>): any => generatedObjects("git", { namespaces: ["git"], ...secret });
  const data = (secret: Partial<GeneratedSecret>): string[] =>
    of(secret)["secret-git"].spec.externalSecretSpec.data.map(
      ({ secretKey, remoteRef }: { secretKey: string; remoteRef: { key: string } }) =>
        `${secretKey} <- ${remoteRef.key}`,
    );

  test("are written to Vault once, and never taken out", () => {
    expect(of({})["push-git-1"].spec).toMatchObject({ updatePolicy: "IfNotExists", deletionPolicy: "None" });
    expect(data({})).toEqual(["password <- generated/git/1"]);
  });

  test("a rotation hands out the new one and the one before, until it is ended", () => {
    expect(data({ generation: 2 })).toEqual(["password <- generated/git/2", "previous <- generated/git/1"]);
    expect(Object.keys(of({ generation: 2 })).filter((key) => key.startsWith("push-"))).toEqual([
      "push-git-2",
      "push-git-1",
    ]);
    expect(data({ generation: 2, previous: false })).toEqual(["password <- generated/git/2"]);
  });

  test("the next part waits until they are in Vault", () => {
    const { exit, provides } = externalSecretsService({ vault: true, generated: { git: { namespaces: ["git"] } } });
    expect(exit["password git is in Vault"]).toMatchObject({ kind: "PushSecret", name: "generated-git-1" });
    expect(exit["Vault lets External Secrets in"]).toMatchObject({ kind: "ClusterSecretStore", condition: "Ready" });
    expect(provides).toContain("secret-store");
  });
});
