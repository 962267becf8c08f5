import type { GateCheck } from "../../kubernetes/Gate";
import type { Guard, ObjectSpec, PlatformService, Profile } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";
import { chartPin, imageReference, versions } from "../../release/versions";
import { neededClass } from "../../storage/service/class";

/** Settings of Vault. */
export interface VaultSettings {
  /** Size: one member in minimal, three otherwise. @default "standard" */
  readonly profile?: Profile;
  /**
   * Members, each on a machine of its own: 1, or 3 or 5 that elect a leader and survive the loss of one or two. They may
   * become more; fewer never, as those that go would still be counted. @default - what `profile` says
   */
  readonly members?: number;
  /** Size of each volume, in GiB. Counts when Vault is first made: its volumes stay as they are. @default 2 */
  readonly sizeGiB?: number;
  /** Storage class of the volumes. Counts when Vault is first made: its volumes stay where they are. @default - the default class */
  readonly storageClass?: string;
  /** Whether etcd's snapshots are kept outside of the cluster, and the unseal keys with them. @default false */
  readonly backup?: boolean;
  /** Values of the operator's chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

/** Where others find Vault. */
export const VAULT = {
  namespace: "vault",
  url: "https://vault.vault:8200",
  /** Secret with the CA of its certificates. */
  tls: "vault-tls",
  /** Key-value engine, version 2. */
  mount: "secret",
  /** Role that External Secrets logs in with. */
  role: "external-secrets",
} as const;

const { namespace: NAMESPACE } = VAULT;
const UNSEAL_KEYS = "vault-unseal-keys";
const SNAPSHOTS = "vault-snapshots";

/**
 * Vault on its own replicated storage, set up and unsealed by the Bank-Vaults operator. It lets pods in by their service
 * accounts and needs no single sign-on to begin.
 */
export function vaultService(settings: VaultSettings): PlatformService {
  const { profile = "standard", backup = false, values = {} } = settings;
  return {
    type: "plinth:secrets:Vault",
    name: "vault",
    needs: ["network", neededClass(settings.storageClass)],
    provides: ["vault"],
    // The container asks for IPC_LOCK, which the level below forbids.
    namespace: { name: NAMESPACE, podSecurity: "privileged" },
    secrets: {
      unseal: { namespace: NAMESPACE, name: UNSEAL_KEYS, text: { stack: UNSEAL_KEYS }, optional: true },
    },
    guard: guarded(settings),
    chart: {
      name: "vault-operator",
      namespace: NAMESPACE,
      values: mergeValues({ watchNamespace: NAMESPACE, replicaCount: profile === "production" ? 2 : 1 }, values),
    },
    objects: {
      account: { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "vault", namespace: NAMESPACE } },
      role: {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "Role",
        metadata: { name: "vault", namespace: NAMESPACE },
        rules: [
          {
            apiGroups: [""],
            resources: ["secrets"],
            verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
          },
          { apiGroups: [""], resources: ["pods"], verbs: ["get", "update", "patch"] },
        ],
      },
      binding: {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata: { name: "vault", namespace: NAMESPACE },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "vault" },
        subjects: [{ kind: "ServiceAccount", name: "vault", namespace: NAMESPACE }],
      },
      // Vault asks the API server whose a token is.
      reviewer: {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "vault-token-reviewer" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:auth-delegator" },
        subjects: [{ kind: "ServiceAccount", name: "vault", namespace: NAMESPACE }],
      },
      vault: vaultObject(settings),
    },
    exit: {
      "Vault is unsealed and has a leader": {
        apiVersion: "vault.banzaicloud.com/v1alpha1",
        kind: "Vault",
        namespace: NAMESPACE,
        name: "vault",
        field: "status.leader",
      },
      "every member of Vault answers": {
        apiVersion: "vault.banzaicloud.com/v1alpha1",
        kind: "Vault",
        namespace: NAMESPACE,
        name: "vault",
        condition: "Healthy",
      },
      // A sealed member answers, too, and is healthy to the operator; ready it is only when it is open.
      "every member of Vault is unsealed": {
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        namespace: NAMESPACE,
        name: "vault",
        field: "status.readyReplicas",
        equals: String(vaultMembers(settings)),
      },
      // After a change the operator takes its time: until then everything above is true of what ran before.
      "Vault's operator has handed out the image": {
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        namespace: NAMESPACE,
        name: "vault",
        field: "spec.template.spec.containers.vault.image",
        equals: imageReference("vault"),
      },
      "every member of Vault was started as it is wanted": {
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        namespace: NAMESPACE,
        name: "vault",
        field: "status.updatedReplicas",
        equals: String(vaultMembers(settings)),
      },
    },
    warnings: backup
      ? []
      : [
          `vault: its unseal keys live in the Secret ${NAMESPACE}/${UNSEAL_KEYS}, and so in etcd, of which this site keeps no snapshot (backup)`,
        ],
  };
}

/** How many members there are, each of which needs a machine. */
export function vaultMembers({ profile = "standard", members }: Pick<VaultSettings, "profile" | "members">): number {
  return members ?? (profile === "minimal" ? 1 : 3);
}

function vaultObject(settings: VaultSettings): ObjectSpec {
  const { sizeGiB = 2, storageClass } = settings;
  return {
    apiVersion: "vault.banzaicloud.com/v1alpha1",
    kind: "Vault",
    metadata: { name: "vault", namespace: NAMESPACE },
    spec: {
      size: vaultMembers(settings),
      image: imageReference("vault"),
      bankVaultsImage: bankVaultsImage(),
      serviceAccount: "vault",
      podAntiAffinity: "kubernetes.io/hostname",
      serviceRegistrationEnabled: true,
      statsdDisabled: true,
      unsealConfig: { kubernetes: { secretNamespace: NAMESPACE, secretName: UNSEAL_KEYS } },
      volumeClaimTemplates: [
        {
          metadata: { name: "vault-raft" },
          spec: {
            accessModes: ["ReadWriteOnce"],
            ...(storageClass !== undefined && { storageClassName: storageClass }),
            resources: { requests: { storage: `${sizeGiB}Gi` } },
          },
        },
      ],
      volumeMounts: [{ name: "vault-raft", mountPath: "/vault/file" }],
      config: {
        // Its own storage is mapped into memory: locking all of that would lock all of the data.
        disable_mlock: true,
        storage: { raft: { path: "/vault/file" } },
        listener: {
          tcp: {
            address: "0.0.0.0:8200",
            tls_cert_file: "/vault/tls/server.crt",
            tls_key_file: "/vault/tls/server.key",
          },
        },
        api_addr: VAULT.url,
        // Each has a name of its own: with one for all, a follower would be sent to itself.
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the operator's template, not ours
        cluster_addr: "https://${.Env.POD_NAME}:8201",
        ui: true,
      },
      externalConfig: {
        policies: [
          {
            name: VAULT.role,
            rules: `path "${VAULT.mount}/*" { capabilities = ["create", "read", "update", "delete", "list"] }`,
          },
          { name: "snapshot", rules: 'path "sys/storage/raft/snapshot" { capabilities = ["read"] }' },
        ],
        auth: [
          {
            type: "kubernetes",
            roles: [role(VAULT.role, "external-secrets", "external-secrets"), role("snapshot", SNAPSHOTS, NAMESPACE)],
          },
        ],
        secrets: [{ path: VAULT.mount, type: "kv", options: { version: 2 } }],
      },
    },
  };
}

function role(name: string, account: string, namespace: string) {
  return {
    name,
    bound_service_account_names: [account],
    bound_service_account_namespaces: [namespace],
    policies: [name],
    ttl: "1h",
  };
}

/** Before anything of Vault changes: a snapshot, and no member less than there are. */
function guarded(settings: VaultSettings): Guard {
  const { objects, done } = snapshot(settings);
  const set = { apiVersion: "apps/v1", kind: "StatefulSet", namespace: NAMESPACE, name: "vault" };
  const members: GateCheck = { ...set, field: "spec.replicas", atMost: vaultMembers(settings), onlyWith: set };
  return { objects, done: { ...done, "Vault keeps every member that it has (vault.members)": members } };
}

/** Before the operator or Vault itself changes, a snapshot of what Vault holds; there is none to take at first. */
function snapshot({ sizeGiB = 2, storageClass }: VaultSettings): Guard {
  const name = `vault-snapshot-${versions().images.vault?.version}-${chartPin("vault-operator").version}`.replace(
    /[^a-z0-9-]/g,
    "-",
  );
  // Another class is another claim: what lies in the one before stays.
  const claim = storageClass === undefined ? SNAPSHOTS : `${SNAPSHOTS}-${storageClass}`;
  return {
    objects: {
      "snapshot-account": {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name: SNAPSHOTS, namespace: NAMESPACE },
      },
      "snapshot-volume": {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: {
          name: claim,
          namespace: NAMESPACE,
          // Many classes bind a volume only once a pod wants it.
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: {
          accessModes: ["ReadWriteOnce"],
          ...(storageClass !== undefined && { storageClassName: storageClass }),
          resources: { requests: { storage: `${sizeGiB * 4}Gi` } },
        },
      },
      snapshot: {
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name, namespace: NAMESPACE },
        spec: {
          backoffLimit: 3,
          activeDeadlineSeconds: 240,
          template: {
            spec: {
              restartPolicy: "Never",
              serviceAccountName: SNAPSHOTS,
              containers: [
                {
                  name: "snapshot",
                  image: imageReference("vault"),
                  command: ["/bin/sh", "-euc", snapshotScript(name)],
                  env: [
                    { name: "VAULT_ADDR", value: VAULT.url },
                    { name: "VAULT_CACERT", value: "/vault/ca/ca.crt" },
                  ],
                  volumeMounts: [
                    { name: "ca", mountPath: "/vault/ca" },
                    { name: "snapshots", mountPath: "/snapshots" },
                  ],
                },
              ],
              volumes: [
                { name: "ca", secret: { secretName: VAULT.tls, optional: true } },
                { name: "snapshots", persistentVolumeClaim: { claimName: claim } },
              ],
            },
          },
        },
      },
    },
    done: {
      "Vault's snapshot is taken": {
        apiVersion: "batch/v1",
        kind: "Job",
        namespace: NAMESPACE,
        name,
        condition: "Complete",
      },
    },
  };
}

function snapshotScript(name: string): string {
  return [
    'if [ ! -e "$VAULT_CACERT" ]; then echo "there is no Vault yet"; exit 0; fi',
    "VAULT_TOKEN=$(vault write -field=token auth/kubernetes/login role=snapshot jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token)",
    "export VAULT_TOKEN",
    `vault operator raft snapshot save /snapshots/${name}.snap`,
  ].join("\n");
}

/** The image that the operator starts beside every Vault, pinned with it. */
function bankVaultsImage(): string {
  const found = chartPin("vault-operator").images.find((image) => image.includes("/bank-vaults:"));
  if (found === undefined) throw new Error("versions.yaml pins no bank-vaults image");
  return found;
}
