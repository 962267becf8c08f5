import {
  type Checks,
  deploymentAvailable,
  type Objects,
  type PlatformService,
  type Profile,
} from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";
import { type GeneratedSecret, generatedObjects, pushedName } from "./generated";
import { VAULT } from "./vault";

/** Settings of External Secrets. */
export interface ExternalSecretsSettings {
  /** Size: one of each, or two of which one leads. @default "standard" */
  readonly profile?: Profile;
  /** Whether there is a Vault, which it then reads and writes as the ClusterSecretStore `vault`. @default false */
  readonly vault?: boolean;
  /** Namespaces that may read from Vault, beside those of generated passwords. In place. @default - every namespace */
  readonly namespaces?: readonly string[];
  /** Passwords that are made once and live in Vault, by name; they need `vault`. In place. @default {} */
  readonly generated?: { readonly [name: string]: GeneratedSecret };
  /** Values of the chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "external-secrets";
const GROUP = "external-secrets.io/v1";

/** External Secrets, with Vault as the store that every namespace can read from. */
export function externalSecretsService(settings: ExternalSecretsSettings): PlatformService {
  const { profile = "standard", vault = false, generated = {}, values = {} } = settings;
  const replicas = profile === "production" ? 2 : 1;
  return {
    type: "plinth:secrets:ExternalSecrets",
    name: "external-secrets",
    needs: ["network", ...(vault ? ["vault"] : [])],
    provides: ["external-secrets", ...(vault ? ["secret-store"] : [])],
    namespace: { name: NAMESPACE, podSecurity: "restricted" },
    chart: {
      name: "external-secrets",
      namespace: NAMESPACE,
      values: mergeValues(
        {
          replicaCount: replicas,
          leaderElect: replicas > 1,
          webhook: { replicaCount: replicas },
          certController: { replicaCount: replicas },
        },
        values,
      ),
    },
    ready: {
      "External Secrets' webhook answers": {
        apiVersion: GROUP,
        kind: "ExternalSecret",
        namespace: NAMESPACE,
        name: "plinth-probe",
        admits: {
          spec: {
            secretStoreRef: { kind: "ClusterSecretStore", name: "plinth-probe" },
            target: { name: "plinth-probe" },
            data: [{ secretKey: "probe", remoteRef: { key: "plinth-probe" } }],
          },
        },
      },
    },
    objects: {
      ...(vault && store(settings)),
      ...Object.assign({}, ...Object.entries(generated).map(([name, secret]) => generatedObjects(name, secret))),
    },
    exit: {
      "External Secrets works": deploymentAvailable(NAMESPACE, "external-secrets"),
      ...(vault && {
        "Vault lets External Secrets in": {
          apiVersion: GROUP,
          kind: "ClusterSecretStore",
          name: "vault",
          condition: "Ready",
        },
      }),
      ...Object.assign({}, ...Object.entries(generated).map(([name, secret]) => inVault(name, secret))),
    },
  };
}

function inVault(name: string, secret: GeneratedSecret): Checks {
  return {
    [`password ${name} is in Vault`]: {
      apiVersion: "external-secrets.io/v1alpha1",
      kind: "PushSecret",
      namespace: NAMESPACE,
      name: pushedName(name, secret.generation ?? 1),
      condition: "Ready",
    },
  };
}

function store({ namespaces, generated = {} }: ExternalSecretsSettings): Objects {
  const readers = [
    NAMESPACE,
    ...Object.values(generated).flatMap((secret) => secret.namespaces),
    ...(namespaces ?? []),
  ];
  return {
    store: {
      apiVersion: GROUP,
      kind: "ClusterSecretStore",
      metadata: { name: "vault" },
      spec: {
        ...(namespaces !== undefined && { conditions: [{ namespaces: [...new Set(readers)].sort() }] }),
        provider: {
          vault: {
            server: VAULT.url,
            path: VAULT.mount,
            version: "v2",
            caProvider: { type: "Secret", namespace: VAULT.namespace, name: VAULT.tls, key: "ca.crt" },
            auth: {
              kubernetes: {
                mountPath: "kubernetes",
                role: VAULT.role,
                serviceAccountRef: { name: "external-secrets", namespace: NAMESPACE },
              },
            },
          },
        },
      },
    },
  };
}
