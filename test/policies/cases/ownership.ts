import { lab, object, resource, UNKNOWN } from "../drafts";
import type { Cases } from "../harness";
import { deployment, helmRelease, machine, patched, release, SERVICE } from "../objects";

const SECRETS = "talos:machine/secrets:Secrets";
const CONFIG = "kubernetes:core/v1:ConfigMap";
const provider = (name: string, inputs: object) => resource("pulumi:providers:kubernetes", name, inputs);
const bundle = (charts: unknown) => resource("plinth:kubernetes:CrdBundle", "crds", { charts });
const folder = { demo: { chart: "demo", mode: "folder", version: "1.2.3" } };
const flagged = { demo: { chart: "oci://x/demo", mode: "template-flag", flag: "crds.enabled", version: "1.2.3" } };
const stored = (endpoint: unknown) =>
  release((draft) => {
    draft.inputs.backup = { store: { s3: { endpoint, bucket: "b" } } };
  });
const plinth = (inputs: object) => resource("pulumi:providers:plinth", "plinth", inputs);
const bootstrap = lab("plinth:talos:Bootstrap");
const inline = (contents: string) =>
  `cluster:\n  inlineManifests:\n    - name: x\n      contents: ${JSON.stringify(contents)}\n`;
const MANIFEST =
  "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: net, namespace: kube-system }\n---\nkind: List\n---\n";
const named = (name: string, namespace?: string) =>
  object(CONFIG, name, { metadata: { name, ...(namespace && { namespace }) } });

export const ownershipCases: readonly Cases[] = [
  {
    rule: "one-owner",
    compliant: [
      [lab(CONFIG), lab("kubernetes:core/v1:Namespace")],
      [named("a", "x"), { ...named("a", "y"), urn: "urn:a::b::c::a2" }],
    ],
    violating: [
      [[named("a", "x"), { ...named("a", "x"), urn: "urn:a::b::c::again" }], /^again: x\/a is declared by a too/],
      [[named("a"), { ...named("a", "default"), urn: "urn:a::b::c::again" }], /default\/a/],
      [
        [
          object("kubernetes:apps/v1:Deployment", "a", {}),
          { ...object("kubernetes:apps/v1beta1:Deployment", "a", {}), urn: "urn:a::b::c::old" },
        ],
        /apps\/a/,
      ],
    ],
    irrelevant: [[lab(SECRETS)], [helmRelease({}), helmRelease({})]],
    extras: [
      [
        named("a", "x"),
        { ...object("kubernetes:core/v1:ConfigMapPatch", "a", { metadata: { name: "a", namespace: "x" } }) },
        { ...named("a", "x"), urn: "urn:a::b::c::other", provider: "urn:x::y::pulumi:providers:kubernetes::other::id" },
        object("kubernetes:core/v1:Secret", "a", { metadata: { name: "a", namespace: "x" } }),
      ],
      [
        { ...object("kubernetes:core/v1:ConfigMapPatch", "a", {}) },
        { ...object("kubernetes:core/v1:ConfigMapPatch", "a", {}), urn: "urn:a::b::c::again" },
      ],
    ],
    unknown: [[[object(CONFIG, "a", { metadata: { name: UNKNOWN } })], "undecided"]],
  },
  {
    rule: "crds-have-one-owner",
    compliant: [
      [bundle(folder), helmRelease({ skipCrds: true })],
      [bundle(flagged), helmRelease({ values: { crds: { enabled: false } } })],
      [bundle(flagged), helmRelease({})],
    ],
    violating: [
      [[bundle(folder), helmRelease({})], /^chart.skipCrds: the CRDs of demo are a bundle's/],
      [[bundle(flagged), helmRelease({ values: { crds: { enabled: true } } })], /^chart.values.crds.enabled/],
      [[bundle({ other: folder.demo }), helmRelease({ skipCrds: false })], /the CRDs of other/],
    ],
    irrelevant: [
      [helmRelease({})],
      [bundle(folder), helmRelease({ chart: "grafana" })],
      [resource("plinth:kubernetes:CrdBundle", "none", {}), helmRelease({})],
    ],
    extras: [
      [
        bundle({ demo: { ...folder.demo, mode: "none" } }),
        helmRelease({ skipCrds: false, values: { crds: { enabled: true } } }),
      ],
    ],
    unknown: [[[bundle(folder), helmRelease({ skipCrds: UNKNOWN })], "undecided"]],
  },
  {
    rule: "managing-side-outside",
    compliant: [
      [stored("https://s3.example.org"), bootstrap],
      [plinth({ netbox: { url: "https://netbox.example.org" } }), bootstrap],
    ],
    violating: [
      [[stored("https://127.103.31.21:9000")], /^site-release.backup.store.s3.endpoint: 127.103.31.21 is a machine/],
      [[stored("http://minio.storage.svc:9000")], /name of a service inside/],
      [
        [plinth({ netbox: JSON.stringify({ url: "https://127.103.31.10" }) }), bootstrap],
        /^plinth.netbox.url: 127.103.31.10 is a machine or the API/,
      ],
      [[plinth({ bootServer: { url: "http://worker-1:8080" } }), release()], /^plinth.bootServer.url: worker-1/],
    ],
    irrelevant: [[SERVICE], [release(), bootstrap]],
    extras: [
      [
        plinth({}),
        plinth({ netbox: "nonsense" }),
        stored("https://10.9.9.9"),
        lab("plinth:talos:Bootstrap", (draft) => {
          draft.inputs.endpoint = "none";
        }),
      ],
    ],
    unknown: [[[plinth({ netbox: UNKNOWN })], "undecided"]],
  },
  {
    rule: "bootstrap-manifests-owned-once",
    compliant: [[machine("a", inline(MANIFEST)), named("other", "kube-system")]],
    violating: [
      [[machine("a", inline(MANIFEST)), named("net", "kube-system")], /^net: an inline manifest/],
      [
        [
          patched(
            `apiVersion: v1alpha1\nkind: KubeInlineManifestConfig\nname: x\ncontents: ${JSON.stringify("kind: ConfigMap\nmetadata: { name: net }\n")}\n`,
          ),
          named("net"),
        ],
        /^net: /,
      ],
    ],
    irrelevant: [[named("net", "kube-system")], [machine("a", inline(MANIFEST)), helmRelease({})]],
    extras: [
      [
        machine("a", inline(MANIFEST)),
        deployment({}, {}, { name: "net", namespace: "kube-system" }),
        named("net", "apps"),
      ],
      [machine("a", "cluster:\n  inlineManifests: [{ name: x }]\n"), named("net")],
    ],
    unknown: [[[machine("a", "machine: {}\n", { configPatches: UNKNOWN }), named("net")], "undecided"]],
  },
  {
    rule: "provider-keeps-its-cluster",
    compliant: [lab("pulumi:providers:kubernetes")],
    violating: [[provider("site", { kubeconfig: "x" }), /^clusterIdentifier: there is none/]],
    irrelevant: [resource("pulumi:providers:talos", "site", {}), provider("default_4_34_2", {})],
    extras: [provider("site", { kubeconfig: "x", clusterIdentifier: "home", enableServerSideApply: "true" })],
    unknown: [[provider("site", { clusterIdentifier: UNKNOWN }), "silent"]],
  },
  {
    rule: "no-object-in-default",
    compliant: [deployment()],
    violating: [
      [deployment({}, {}, { namespace: "default" }), /^metadata.namespace: it is default/],
      [deployment({}, {}, { namespace: undefined }), /it is default/],
    ],
    irrelevant: [SERVICE],
    extras: [deployment({}, {}, { namespace: "default-apps", labels: { a: "b" } })],
    unknown: [[deployment({}, {}, { namespace: UNKNOWN }), "undecided"]],
  },
];
