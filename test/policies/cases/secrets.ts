import { lab, object, resource, secret, stateOf, UNKNOWN } from "../drafts";
import type { Cases } from "../harness";
import { SERVICE } from "../objects";

const SECRETS = "talos:machine/secrets:Secrets";
const KUBECONFIG = "talos:cluster/kubeconfig:Kubeconfig";
const CONFIG = "kubernetes:core/v1:ConfigMap";
const PEM =
  "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";

const config = (data: object) => lab(CONFIG, (draft) => Object.assign(draft.inputs.data, data));
const k8sSecret = (inputs: object) => object("kubernetes:core/v1:Secret", "login", inputs);
const key = (options: object) =>
  resource("tls:index/privateKey:PrivateKey", "sealed-secrets", { algorithm: "RSA" }, options);
const generated = (spec: object) =>
  object("kubernetes:external-secrets.io/v1:ExternalSecret", "db", {
    spec: { dataFrom: [{ sourceRef: { generatorRef: { kind: "Password", name: "db" } } }], ...spec },
  });
const store = (spec: object) => object("kubernetes:external-secrets.io/v1:ClusterSecretStore", "vault", { spec });
const provider = (inputs: object) => resource("pulumi:providers:kubernetes", "site-kubernetes", inputs);
const kubeconfig = (cluster: object) => secret(JSON.stringify({ clusters: [{ name: "home", cluster }] }));

export const secretsCases: readonly Cases[] = [
  {
    rule: "no-plaintext-secret",
    compliant: [lab(CONFIG), lab("talos:machine/configurationApply:ConfigurationApply"), config({ key: secret(PEM) })],
    violating: [
      [config({ "tls.key": PEM }), /^data.tls.key: it holds a secret/],
      [config({ deep: { list: [Buffer.from(PEM).toString("base64")] } }), /^data.deep.list.0: /],
    ],
    irrelevant: [SERVICE],
    extras: [config({ certificate: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" })],
    unknown: [[config({ "tls.key": UNKNOWN }), "silent"]],
  },
  {
    rule: "no-plaintext-secret-in-state",
    compliant: [stateOf([lab(SECRETS), lab(KUBECONFIG)])],
    violating: [
      [
        stateOf([
          lab(SECRETS),
          lab(KUBECONFIG, (draft) => {
            draft.outputs.kubeconfigRaw = `client-key-data: ${PEM}`;
          }),
        ]),
        /^site-kubeconfig.outputs.kubeconfigRaw: /,
      ],
      [stateOf([config({ "tls.key": PEM })]), /^site-facts-site.inputs.data.tls.key/],
    ],
    irrelevant: [stateOf([])],
    extras: [stateOf([lab(SECRETS), lab(CONFIG), SERVICE])],
    unknown: [[stateOf([config({ key: UNKNOWN })]), "silent"]],
  },
  {
    rule: "state-encrypted",
    compliant: [stateOf([lab(SECRETS)])],
    violating: [
      [stateOf([], { secrets_providers: undefined }), /^secrets_providers: there is none/],
      [stateOf([], { secrets_providers: { type: "b64" } }), /none that encrypts/],
    ],
    irrelevant: [stateOf([])],
    extras: [stateOf([], { secrets_providers: { type: "cloud", state: { url: "awskms://alias/plinth" } } })],
    unknown: [[stateOf([config({ key: UNKNOWN })]), "silent"]],
  },
  {
    rule: "cluster-secrets-protected",
    compliant: [lab(SECRETS)],
    violating: [
      [
        lab(SECRETS, (draft) => {
          draft.protect = false;
        }),
        /^protect: it is not set/,
      ],
    ],
    irrelevant: [lab(KUBECONFIG)],
    extras: [
      lab(SECRETS, (draft) => {
        draft.retainOnDelete = true;
      }),
    ],
    unknown: [
      [
        lab(SECRETS, (draft) => {
          draft.inputs.talosVersion = UNKNOWN;
        }),
        "silent",
      ],
    ],
  },
  {
    rule: "cluster-secrets-sealed",
    compliant: [lab(SECRETS), lab(KUBECONFIG)],
    violating: [
      [
        lab(SECRETS, (draft) => {
          draft.additionalSecretOutputs = ["machineSecrets"];
        }),
        /clientConfiguration is not among/,
      ],
      [
        lab(KUBECONFIG, (draft) => {
          delete draft.additionalSecretOutputs;
        }),
        /kubeconfigRaw/,
        /kubernetesClientConfiguration/,
      ],
    ],
    irrelevant: [SERVICE],
    extras: [lab(SECRETS, (draft) => draft.additionalSecretOutputs.push("more"))],
    unknown: [
      [
        lab(SECRETS, (draft) => {
          draft.inputs.talosVersion = UNKNOWN;
        }),
        "silent",
      ],
    ],
  },
  {
    rule: "keypair-protected",
    compliant: [key({ protect: true })],
    violating: [[key({}), /^protect: it is not set/]],
    irrelevant: [lab(KUBECONFIG)],
    extras: [key({ protect: true, retainOnDelete: true })],
    unknown: [[{ ...key({ protect: true }), inputs: { algorithm: UNKNOWN } }, "silent"]],
  },
  {
    rule: "secret-data-sealed",
    compliant: [
      k8sSecret({ data: secret({ password: "eA==" }) }),
      k8sSecret({ stringData: { password: secret("x") } }),
      k8sSecret({ data: "[secret]" }),
    ],
    violating: [
      [k8sSecret({ data: { user: "eA==", password: "eA==" } }), /^data: user, password can be read/],
      [k8sSecret({ stringData: { password: "x" } }), /^stringData: /],
    ],
    irrelevant: [lab(CONFIG)],
    extras: [k8sSecret({ type: "Opaque", immutable: true, data: {} })],
    unknown: [[k8sSecret({ data: { password: UNKNOWN } }), "silent"]],
  },
  {
    rule: "config-holds-no-secret",
    compliant: [lab(CONFIG)],
    violating: [
      [config({ "db.password": "x" }), /^data.db.password: its name/],
      [config({ API_KEY: "x", token: "" }), /^data.API_KEY/],
    ],
    irrelevant: [k8sSecret({ stringData: { password: "x" } })],
    extras: [config({ passwordPolicy: "long", monkey: "x", token: "" }), object(CONFIG, "empty", {})],
    unknown: [[config({ password: UNKNOWN }), "silent"]],
  },
  {
    rule: "generated-password-stays",
    compliant: [
      generated({ refreshInterval: "8760h" }),
      generated({ refreshPolicy: "CreatedOnce" }),
      generated({ refreshInterval: "0" }),
      generated({ refreshInterval: "0s" }),
    ],
    violating: [
      [generated({ refreshInterval: "1h" }), /^spec.refreshInterval: a generator runs every 1h/],
      [generated({}), /every 1h/],
      [generated({ refreshInterval: "8759h" }), /8759h/],
      [generated({ refreshInterval: "30m" }), /30m/],
    ],
    irrelevant: [
      object("kubernetes:external-secrets.io/v1:ExternalSecret", "db", {
        spec: { refreshInterval: "1h", dataFrom: [{ extract: { key: "db" } }] },
      }),
      object("kubernetes:external-secrets.io/v1:ExternalSecret", "db", {}),
    ],
    extras: [generated({ refreshInterval: "9000h", target: { name: "db" } })],
    unknown: [[generated({ refreshInterval: UNKNOWN }), "undecided"]],
  },
  {
    rule: "secret-store-limited",
    compliant: [store({ conditions: [{ namespaces: ["apps"] }] })],
    violating: [
      [store({ conditions: [] }), /^spec.conditions: there are none/],
      [object("kubernetes:external-secrets.io/v1:ClusterSecretStore", "vault", {}), /there are none/],
    ],
    irrelevant: [object("kubernetes:external-secrets.io/v1:SecretStore", "vault", { spec: {} })],
    extras: [store({ conditions: [{ namespaces: ["apps"] }, { namespaceRegexes: ["team-.*"] }], provider: {} })],
    unknown: [[store({ conditions: UNKNOWN }), "undecided"]],
  },
  {
    rule: "certificates-verified",
    compliant: [lab(CONFIG), provider({ kubeconfig: "x", insecureSkipTLSVerify: false })],
    violating: [
      [provider({ netbox: { insecure: true } }), /^netbox.insecure: it switches/],
      [
        provider({ clusters: [{ cluster: { "insecure-skip-tls-verify": "true" } }] }),
        /^clusters.0.cluster.insecure-skip-tls-verify/,
      ],
      [
        object("kubernetes:monitoring.coreos.com/v1:ServiceMonitor", "web", {
          spec: { endpoints: [{ tlsConfig: { insecureSkipVerify: true } }] },
        }),
        /insecureSkipVerify/,
      ],
    ],
    irrelevant: [SERVICE],
    extras: [provider({ tls: { ca: "x", insecurePort: true }, list: [null, 1] })],
    unknown: [[provider({ insecure: UNKNOWN }), "silent"]],
  },
  {
    rule: "authority-pinned",
    compliant: [
      provider({ kubeconfig: kubeconfig({ "certificate-authority-data": "eA==" }) }),
      provider({ kubeconfig: kubeconfig({ "certificate-authority": "ca.crt" }) }),
    ],
    violating: [
      [
        provider({ kubeconfig: kubeconfig({ server: "https://10.0.3.1:6443" }) }),
        /^kubeconfig: the cluster home has no authority/,
      ],
      [provider({ kubeconfig: "clusters:\n  - name: none\n" }), /cluster none/],
    ],
    irrelevant: [
      resource("pulumi:providers:talos", "talos", {}),
      provider({}),
      provider({ kubeconfig: "~/.kube/config" }),
    ],
    extras: [
      provider({
        kubeconfig: kubeconfig({ "certificate-authority-data": "eA==", "tls-server-name": "api" }),
        clusterIdentifier: "home",
      }),
      provider({ kubeconfig: "# no clusters\n" }),
    ],
    unknown: [
      [provider({ kubeconfig: UNKNOWN }), "undecided"],
      [provider({ kubeconfig: "[secret]" }), "undecided"],
    ],
  },
];
