import type { ObjectSpec, Objects } from "../../kubernetes/service";

/** A password that is made once, in the cluster, and lives in Vault. */
export interface GeneratedSecret {
  /** Namespaces that find it as a Secret of its name, as soon as they are there. In place. */
  readonly namespaces: readonly string[];
  /** Letters and digits. A change counts for the next generation. @default 32 */
  readonly length?: number;
  /** Raised by one, there is a new password under `password`, and the one before stays under `previous`. @default 1 */
  readonly generation?: number;
  /** Whether the one before is still handed out: false ends a rotation. @default true */
  readonly previous?: boolean;
}

const NAMESPACE = "external-secrets";
const STORE = { kind: "ClusterSecretStore", name: "vault" };

/** Name of the object that puts one generation of a password into Vault. */
export function pushedName(name: string, generation: number): string {
  return `generated-${name}-${generation}`;
}

/**
 * What makes a password, puts it into Vault unless Vault has one, and hands out what Vault has. Nothing of it looks at
 * the password again, so that no refresh, no restart and no new cluster on the same Vault ever changes it.
 */
export function generatedObjects(name: string, secret: GeneratedSecret): Objects {
  const { namespaces, length = 32, generation = 1, previous = true } = secret;
  const handed = generation > 1 && previous ? [generation, generation - 1] : [generation];
  return {
    [`generator-${name}`]: {
      apiVersion: "generators.external-secrets.io/v1alpha1",
      kind: "Password",
      metadata: { name: `generated-${name}`, namespace: NAMESPACE },
      spec: { length, symbols: 0, noUpper: false, allowRepeat: true },
    },
    ...Object.fromEntries(handed.map((each) => [`push-${name}-${each}`, push(name, each)])),
    [`secret-${name}`]: {
      apiVersion: "external-secrets.io/v1",
      kind: "ClusterExternalSecret",
      metadata: { name: `generated-${name}` },
      spec: {
        externalSecretName: name,
        namespaceSelectors: namespaces.map((namespace) => ({
          matchLabels: { "kubernetes.io/metadata.name": namespace },
        })),
        refreshTime: "1m",
        externalSecretSpec: {
          refreshInterval: "1m",
          secretStoreRef: STORE,
          target: { name },
          data: handed.map((each, index) => ({
            secretKey: index === 0 ? "password" : "previous",
            remoteRef: { key: vaultPath(name, each), property: "password" },
          })),
        },
      },
    },
  };
}

function push(name: string, generation: number): ObjectSpec {
  return {
    apiVersion: "external-secrets.io/v1alpha1",
    kind: "PushSecret",
    metadata: { name: pushedName(name, generation), namespace: NAMESPACE },
    spec: {
      // Vault's own word is the last one: what is there stays, also when this object goes.
      updatePolicy: "IfNotExists",
      deletionPolicy: "None",
      refreshInterval: "1h0m0s",
      secretStoreRefs: [STORE],
      selector: {
        generatorRef: {
          apiVersion: "generators.external-secrets.io/v1alpha1",
          kind: "Password",
          name: `generated-${name}`,
        },
      },
      data: [
        {
          match: { secretKey: "password", remoteRef: { remoteKey: vaultPath(name, generation), property: "password" } },
        },
      ],
    },
  };
}

function vaultPath(name: string, generation: number): string {
  return `generated/${name}/${generation}`;
}
