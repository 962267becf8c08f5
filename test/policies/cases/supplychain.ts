import { chartOf, lab, object, UNKNOWN } from "../drafts";
import type { Cases } from "../harness";
import { DIGEST, deployment, helmRelease, IMAGE, machine, patched, release, SERVICE, workload } from "../objects";

const SECRETS = "talos:machine/secrets:Secrets";
const installs = (image: unknown) => machine("a", `machine:\n  install:\n    image: ${image}\n`);
const brings = (url: string) => machine("a", `cluster:\n  extraManifests: [${url}]\n`);
const mirror = (url: string) =>
  machine(
    "a",
    `machine:\n  registries:\n    mirrors:\n      docker.io: { endpoints: ["${url}"] }\n      ghcr.io: {}\n`,
  );

const pin = (...images: readonly string[]) => ({ version: "1.2.3", images });

export const supplyChainCases: readonly Cases[] = [
  {
    rule: "image-tag-fixed",
    compliant: [deployment(), deployment({ image: `quay.io/example/web@${DIGEST}` })],
    violating: [
      [deployment({ image: "nginx" }), /^spec.template.spec.containers\[0\].image: "nginx" has no version/],
      [deployment({ image: "registry.local:5000/web:latest" }), /latest/],
      [deployment({ image: "web:v1" }), /web:v1/],
      [deployment({}, { initContainers: [{ name: "init", image: "busybox:stable" }] }), /initContainers\[0\]/],
      [
        workload("kubernetes:batch/v1:CronJob", { image: "nginx:latest" }),
        /^spec.jobTemplate.spec.template.spec.containers/,
      ],
      [deployment({ image: undefined }), /"" has no version/],
    ],
    irrelevant: [SERVICE, object("kubernetes:apps/v1:Deployment", "empty", {})],
    extras: [
      deployment({ image: `registry.local:5000/web:v1.2@${DIGEST}`, imagePullPolicy: "Always" }),
      deployment({ image: "web:20261121" }),
      deployment({ image: "web:latest", name: "x" }, { containers: [{ image: "web:3f2a9bc" }] }),
    ],
    unknown: [[deployment({ image: UNKNOWN }), "undecided"]],
  },
  {
    rule: "image-digest-pinned",
    compliant: [deployment({ image: `${IMAGE}@${DIGEST}` })],
    violating: [
      [deployment(), /has no digest/],
      [deployment({ image: `quay.io/example/web@${DIGEST}` }), /has a digest and no tag/],
      [deployment({ image: undefined }), /"" has no digest/],
    ],
    irrelevant: [SERVICE],
    extras: [deployment({ image: `registry.local:5000/web:v1.2.3@${DIGEST}` })],
    unknown: [[deployment({ image: UNKNOWN }), "undecided"]],
  },
  {
    rule: "chart-version-exact",
    compliant: [
      helmRelease({}),
      helmRelease({ version: "v1.21.2" }),
      helmRelease({ version: undefined, chart: "./charts/demo-1.2.3.tgz" }),
    ],
    violating: [
      [helmRelease({ version: undefined }), /^version: there is none/],
      [helmRelease({ version: "^1.2.0" }), /"\^1.2.0" is not one version/],
      [helmRelease({ version: "1.2" }), /"1.2"/],
      [helmRelease({ version: ">1.2.3", chart: "demo-1.2.3.tgz" }), />1.2.3/],
      [helmRelease({ version: undefined, chart: "demo.tgz" }), /none/],
    ],
    irrelevant: [SERVICE],
    extras: [helmRelease({ version: "1.2.3-rc.1+build.5", atomic: true })],
    unknown: [[helmRelease({ version: UNKNOWN }), "undecided"]],
  },
  {
    rule: "chart-from-a-safe-place",
    compliant: [
      helmRelease({ repositoryOpts: { repo: "https://charts.example.org" } }),
      helmRelease({ chart: "oci://ghcr.io/demo" }),
    ],
    violating: [
      [helmRelease({ repositoryOpts: { repo: "http://charts.example.org" } }), /^repositoryOpts.repo: http:/],
      [helmRelease({ chart: "http://charts.example.org/demo-1.2.3.tgz" }), /^chart: /],
    ],
    irrelevant: [SERVICE, helmRelease({})],
    extras: [helmRelease({ repositoryOpts: { username: "x" }, chart: 7 })],
    unknown: [[helmRelease({ chart: UNKNOWN }), "undecided"]],
  },
  {
    rule: "no-auto-updater",
    compliant: [deployment(), helmRelease({ chart: "grafana" })],
    violating: [
      [
        deployment({ image: "ghcr.io/containrrr/watchtower:1.7.1" }),
        /image: ghcr.io\/containrrr\/watchtower updates by itself/,
      ],
      [helmRelease({ chart: "keel" }), /^chart: keel/],
      [object("kubernetes:image.toolkit.fluxcd.io/v1:ImageUpdateAutomation", "all", {}), /^kind: it updates/],
    ],
    irrelevant: [SERVICE],
    extras: [deployment({ image: "ghcr.io/keelson/keeler:1.0.0" }), deployment({ image: undefined })],
    unknown: [[deployment({ image: UNKNOWN }), "undecided"]],
  },
  {
    rule: "image-fits-architecture",
    compliant: [
      deployment(),
      deployment({ image: "web-arm64:v1.2.3" }, { nodeSelector: { "kubernetes.io/arch": "arm64" } }),
      deployment({}, { nodeSelector: { "kubernetes.io/arch": "arm64" } }),
    ],
    violating: [
      [deployment({ image: "web-amd64:v1.2.3" }), /is for amd64 and may run on any machine/],
      [
        deployment({ image: "web:v1.2.3-amd64" }, { nodeSelector: { "kubernetes.io/arch": "arm64" } }),
        /on arm64 machines/,
      ],
    ],
    irrelevant: [SERVICE, deployment({ image: undefined })],
    extras: [deployment({ image: "camd64x:v1.2.3" }, { nodeSelector: { disk: "ssd" } })],
    unknown: [[deployment({ image: UNKNOWN }), "undecided"]],
  },
  {
    rule: "manifests-pinned",
    compliant: [release(), brings("https://github.com/x/y/releases/download/v1.2.3/y.yaml")],
    violating: [
      [brings("https://raw.githubusercontent.com/x/y/main/y.yaml"), /^cluster.extraManifests: .* is of a branch/],
      [
        machine(
          "a",
          "cluster:\n  network:\n    cni:\n      name: custom\n      urls: [https://x.org/latest/cni.yaml]\n",
        ),
        /^cluster.network.cni.urls/,
      ],
      [
        patched("cluster:\n  externalCloudProvider:\n    manifests: [https://x.org/master/ccm.yaml]\n"),
        /^nodes\["cp-1"\].cluster.externalCloudProvider/,
      ],
    ],
    irrelevant: [lab(SECRETS)],
    extras: [brings("https://x.org/mainline/v1/y.yaml")],
    unknown: [[machine("a", "machine: {}\n", { configPatches: UNKNOWN }), "undecided"]],
  },
  {
    rule: "installer-exists",
    compliant: [release(), installs("ghcr.io/siderolabs/installer:v1.13.9")],
    violating: [
      [installs("factory.talos.dev/metal-installer/376567988a:latest"), /^machine.install.image: ".*" has no version/],
      [installs("ghcr.io/siderolabs/installer"), /has no version/],
      [installs("ghcr.io/siderolabs/installer:v1.14.0"), /there is no ghcr.io\/siderolabs\/installer:v1.14.0/],
    ],
    irrelevant: [lab(SECRETS), machine("a", "machine: {}\n"), installs("7")],
    extras: [installs(`factory.talos.dev/metal-installer/376567988a:v1.14.1@${DIGEST}`)],
    unknown: [[machine("a", "machine: {}\n", { configPatches: UNKNOWN }), "undecided"]],
  },
  {
    rule: "mirror-encrypted",
    compliant: [release(), mirror("https://mirror.local"), mirror("http://127.0.0.1:5000")],
    violating: [
      [mirror("http://mirror.local"), /^registries.mirrors: http:\/\/mirror.local is not encrypted/],
      [
        patched(
          "apiVersion: v1alpha1\nkind: RegistryMirrorConfig\nname: docker.io\nendpoints:\n  - url: http://10.0.0.5:5000\n",
        ),
        /^nodes\["cp-1"\].registries.mirrors/,
      ],
    ],
    irrelevant: [lab(SECRETS), patched("apiVersion: v1alpha1\nkind: RegistryMirrorConfig\nname: docker.io\n")],
    extras: [mirror("https://mirror.local:8443/v2/http://x")],
    unknown: [[machine("a", "machine: {}\n", { configPatches: UNKNOWN }), "undecided"]],
  },
  {
    rule: "chart-images-listed",
    compliant: [
      chartOf([deployment()], pin(IMAGE)),
      chartOf([deployment({ image: `docker.io/library/nginx:1.29.3@${DIGEST}` })], pin("nginx:1.29.3")),
    ],
    violating: [
      [
        chartOf(
          [
            deployment(),
            deployment({ image: "quay.io/x/other:v1.0.0" }),
            deployment({ image: "quay.io/x/other:v1.0.0" }),
          ],
          pin(IMAGE),
        ),
        /^demo: it runs quay.io\/x\/other:v1.0.0/,
      ],
      [chartOf([deployment()], pin()), /it runs quay.io\/example\/web:v1.2.3/],
    ],
    irrelevant: [chartOf([deployment()]), chartOf([SERVICE], pin())],
    extras: [chartOf([deployment(), SERVICE], pin("a:v1.0.0", `${IMAGE}@${DIGEST}`))],
    unknown: [[chartOf([deployment({ image: UNKNOWN })], pin(IMAGE)), "undecided"]],
  },
  {
    rule: "chart-as-pinned",
    compliant: [chartOf([], { version: "1.2.3", digest: "sha256:one", images: [] }), chartOf([], pin())],
    violating: [
      [chartOf([], { version: "1.2.4", images: [] }), /^demo: it is 1.2.3, and 1.2.4 is pinned/],
      [
        chartOf([], { version: "1.2.3", digest: "sha256:two", images: [] }),
        /it is sha256:one, and sha256:two is pinned/,
      ],
    ],
    irrelevant: [chartOf([deployment()])],
    extras: [chartOf([deployment(), SERVICE], { version: "1.2.3", digest: "sha256:one", images: [IMAGE] })],
    unknown: [[chartOf([deployment({ image: UNKNOWN })], pin()), "silent"]],
  },
];
