import { lab, object, resource, UNKNOWN } from "../drafts";
import type { Cases } from "../harness";
import { deployment, helmRelease, machine, patched, release, SERVICE, workload } from "../objects";

const LEVEL = "pod-security.kubernetes.io/enforce";
const NAMESPACE = "kubernetes:core/v1:Namespace";
const namespace = (labels: object) =>
  lab(NAMESPACE, (draft) => {
    draft.inputs.metadata.labels = labels;
  });
const webhook = (hook: object) =>
  object("kubernetes:admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration", "check", { webhooks: [hook] });
const role = (...rules: object[]) => object("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "all", { rules });
const binding = (name: string, ...subjects: unknown[]) =>
  object("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", "all", {
    roleRef: { name },
    subjects: subjects.map((subject) => ({ name: subject })),
  });
const storageClass = (name: string, value: unknown) =>
  object("kubernetes:storage.k8s.io/v1:StorageClass", name, {
    metadata: { name, annotations: { "storageclass.kubernetes.io/is-default-class": value } },
  });
const mount = (folder: string) =>
  `machine:\n  kubelet:\n    extraMounts: [{ destination: ${folder}, type: bind, source: ${folder} }]\n`;
const userVolume = (name: string) => `apiVersion: v1alpha1\nkind: UserVolumeConfig\nname: ${name}\n`;
const chart = (name: string) => helmRelease({ chart: name });
const job = (spec: object) => object("kubernetes:batch/v1:CronJob", "backup", { spec });
const pods = [{ resources: ["pods"] }];
const REQUESTS = { resources: { requests: { cpu: "10m", memory: "32Mi" } } };

export const kubernetesCases: readonly Cases[] = [
  {
    rule: "namespace-has-a-security-level",
    compliant: [
      namespace({ [LEVEL]: "restricted" }),
      namespace({ [LEVEL]: "baseline" }),
      namespace({ [LEVEL]: "privileged" }),
    ],
    violating: [
      [lab(NAMESPACE), /^metadata.labels: there is no pod-security/],
      [namespace({ [LEVEL]: "strict" }), /"strict" is not a level/],
      [object(NAMESPACE, "bare", { metadata: undefined }), /there is no/],
    ],
    irrelevant: [SERVICE],
    extras: [namespace({ [LEVEL]: "restricted", "pod-security.kubernetes.io/warn": "restricted" })],
    unknown: [[namespace({ [LEVEL]: UNKNOWN }), "undecided"]],
  },
  {
    rule: "no-privileged-pod",
    compliant: [deployment(), deployment({ securityContext: { privileged: false } })],
    violating: [
      [
        deployment({ securityContext: { privileged: true } }),
        /^spec.template.spec.containers\[0\].securityContext.privileged: it is true/,
      ],
      [
        workload("kubernetes:core/v1:Pod", {}, { initContainers: [{ securityContext: { privileged: true } }] }),
        /^spec.initContainers\[0\]/,
      ],
    ],
    irrelevant: [SERVICE],
    extras: [deployment({ securityContext: { privileged: true } }, {}, { namespace: "kube-system" })],
    unknown: [[deployment({ securityContext: UNKNOWN }), "undecided"]],
  },
  {
    rule: "no-host-namespace",
    compliant: [deployment(), deployment({}, { hostNetwork: false })],
    violating: [
      [deployment({}, { hostNetwork: true }), /^spec.template.spec.hostNetwork: it is true/],
      [deployment({}, { hostPID: true, hostIPC: true }), /hostPID/, /hostIPC/],
    ],
    irrelevant: [SERVICE],
    extras: [
      deployment({}, { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" }, { namespace: "metallb-system" }),
    ],
    unknown: [[deployment({}, { hostPID: UNKNOWN }), "undecided"]],
  },
  {
    rule: "no-host-path",
    compliant: [deployment(), deployment({}, { volumes: [{ name: "data", emptyDir: {} }] })],
    violating: [
      [
        deployment(
          {},
          {
            volumes: [
              { name: "tmp", emptyDir: {} },
              { name: "data", hostPath: { path: "/var/data" } },
            ],
          },
        ),
        /^spec.template.spec.volumes\[1\]: it is \/var\/data/,
      ],
    ],
    irrelevant: [SERVICE],
    extras: [
      deployment({}, { volumes: [{ name: "data", hostPath: { path: "/var/data" } }] }, { namespace: "openebs" }),
    ],
    unknown: [[deployment({}, { volumes: UNKNOWN }), "undecided"]],
  },
  {
    rule: "requests-set",
    compliant: [
      deployment(REQUESTS),
      deployment({ resources: { limits: { cpu: "10m", memory: "32Mi" } } }),
      deployment(REQUESTS, { initContainers: [{ name: "first" }] }),
    ],
    violating: [
      [
        deployment(REQUESTS, { initContainers: [{ name: "beside", restartPolicy: "Always" }] }),
        /^spec.template.spec.initContainers\[0\].resources: it requests no cpu and no memory/,
      ],
      [deployment(), /^spec.template.spec.containers\[0\].resources: it requests no cpu and no memory/],
      [deployment({ resources: { requests: { cpu: "10m" } } }), /requests no memory$/],
    ],
    irrelevant: [SERVICE],
    extras: [deployment({ resources: { requests: { cpu: "10m", memory: "32Mi", "nvidia.com/gpu": 1 }, limits: {} } })],
    unknown: [[deployment({ resources: { requests: UNKNOWN } }), "undecided"]],
  },
  {
    rule: "memory-limited",
    compliant: [deployment({ resources: { limits: { memory: "64Mi" } } })],
    violating: [
      [
        deployment({ resources: { limits: { cpu: "1" } } }),
        /^spec.template.spec.containers\[0\].resources.limits.memory: there is none/,
      ],
      [deployment(), /there is none/],
      [deployment({ resources: {} }), /there is none/],
    ],
    irrelevant: [SERVICE],
    extras: [deployment({ resources: { limits: { memory: "64Mi", cpu: "1" }, requests: { memory: "32Mi" } } })],
    unknown: [[deployment({ resources: UNKNOWN }), "undecided"]],
  },
  {
    rule: "storage-has-its-mounts",
    compliant: [
      [chart("longhorn"), machine("a", mount("/var/lib/longhorn"))],
      [chart("openebs"), machine("a", mount("/var/openebs"))],
      [
        helmRelease({ chart: "localpv-provisioner", values: { localpv: { basePath: "/var/mnt/openebs" } } }),
        patched(userVolume("openebs")),
      ],
      [
        helmRelease({
          chart: "local-path-provisioner",
          values: { nodePathMap: [{ node: "cp-1", paths: ["/var/mnt/local-path"] }] },
        }),
        patched(userVolume("local-path")),
      ],
    ],
    violating: [
      [[chart("longhorn"), release()], /^chart: 5 of 5 machines do not mount \/var\/lib\/longhorn/],
      [
        [
          chart("localpv-provisioner"),
          machine("a", mount("/var/openebs/local")),
          machine("b", mount("/var/openebs/loc")),
        ],
        /1 of 2 machines do not mount \/var\/openebs\/local/,
      ],
      [[chart("local-path-provisioner"), patched(userVolume("local"))], /\/opt\/local-path-provisioner/],
      [
        [
          helmRelease({
            chart: "longhorn",
            values: { defaultSettings: { defaultDataPath: "/var/mnt/longhorn" } },
          }),
          patched(userVolume("openebs")),
        ],
        /5 of 5 machines do not mount \/var\/mnt\/longhorn/,
      ],
      [
        [
          helmRelease({
            chart: "localpv-provisioner",
            values: { hostpathClass: { basePath: "/data" }, localpv: { basePath: "/var/openebs/local" } },
          }),
          machine("a", mount("/var/openebs/local")),
        ],
        /1 of 1 machines do not mount \/data/,
      ],
      [
        [
          helmRelease({ chart: "openebs", values: { "localpv-provisioner": { localpv: { basePath: "/data" } } } }),
          machine("a", mount("/var/openebs/local")),
        ],
        /1 of 1 machines do not mount \/data/,
      ],
    ],
    irrelevant: [[chart("longhorn")], [chart("grafana"), release()], [helmRelease({ chart: undefined }), release()]],
    extras: [[chart("longhorn"), machine("a", `${mount("/var/lib/longhorn")}      `), SERVICE]],
    unknown: [[[chart("longhorn"), machine("a", "machine: {}\n", { configPatches: UNKNOWN })], "undecided"]],
  },
  {
    rule: "webhook-failure-decided",
    compliant: [
      webhook({ failurePolicy: "Ignore", rules: pods }),
      webhook({
        failurePolicy: "Fail",
        timeoutSeconds: 10,
        rules: pods,
        namespaceSelector: { matchLabels: { x: "y" } },
      }),
      webhook({ failurePolicy: "Fail", rules: pods, objectSelector: { matchLabels: { x: "y" } } }),
      webhook({
        failurePolicy: "Fail",
        timeoutSeconds: 30,
        rules: [{ apiGroups: ["cert-manager.io"], resources: ["*/*"] }],
      }),
      webhook({ failurePolicy: "Fail", rules: [{ apiGroups: ["apps"], resources: ["*"] }] }),
    ],
    violating: [
      [webhook({}), /^webhooks\[0\].failurePolicy: there is none/],
      [
        webhook({ failurePolicy: "Ignore", timeoutSeconds: 11, rules: pods }),
        /^webhooks\[0\].timeoutSeconds: every request may wait 11 s/,
      ],
      [
        webhook({
          failurePolicy: "Fail",
          timeoutSeconds: 30,
          rules: [{ apiGroups: ["networking.k8s.io"], resources: ["ingresses"] }],
        }),
        /may wait 30 s/,
      ],
      [
        webhook({ failurePolicy: "Fail", timeoutSeconds: 30, rules: [{ apiGroups: ["apps"], resources: ["*"] }] }),
        /may wait 30 s/,
      ],
      [webhook({ failurePolicy: "Fail", rules: [{ apiGroups: [""], resources: ["pods"] }] }), /fails closed/],
      [webhook({ failurePolicy: "Fail", rules: [{ apiGroups: ["*"], resources: ["*"] }] }), /fails closed/],
      [webhook({ failurePolicy: "Fail", rules: pods }), /namespaceSelector: it fails closed/],
      [
        webhook({ failurePolicy: "Fail", rules: [{ resources: ["services"] }, { resources: ["*/*"] }] }),
        /fails closed/,
      ],
    ],
    irrelevant: [
      SERVICE,
      object("kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration", "none", {}),
    ],
    extras: [webhook({ failurePolicy: "Fail", rules: [{ resources: ["ingresses"] }, {}], sideEffects: "None" })],
    unknown: [[webhook({ failurePolicy: UNKNOWN }), "undecided"]],
  },
  {
    rule: "no-almighty-role",
    compliant: [
      role({ verbs: ["get"], resources: ["*"] }),
      role({ verbs: ["*"], resources: ["pods"] }),
      binding("cluster-admin", "alice"),
      binding("view", "system:authenticated"),
    ],
    violating: [
      [
        role({ verbs: ["get"], resources: ["pods"] }, { verbs: ["*"], resources: ["*"] }),
        /^rules\[1\]: it allows everything/,
      ],
      [
        binding("cluster-admin", "system:anonymous", "system:unauthenticated", "system:authenticated", "default"),
        /system:anonymous becomes cluster-admin/,
        /unauth/,
        /:authenticated/,
        /^subjects: default/,
      ],
    ],
    irrelevant: [
      SERVICE,
      object("kubernetes:rbac.authorization.k8s.io/v1:Role", "none", {}),
      object("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", "none", {}),
    ],
    extras: [
      role({ verbs: ["get", "list"], resources: ["pods"], apiGroups: ["*"] }, { nonResourceURLs: ["/metrics"] }),
    ],
    unknown: [[role({ verbs: UNKNOWN, resources: ["*"] }), "undecided"]],
  },
  {
    rule: "one-default-storage-class",
    compliant: [[storageClass("a", "true"), storageClass("b", "false")]],
    violating: [
      [
        [storageClass("a", "true"), storageClass("b", "true"), storageClass("c", true)],
        /^b: b is a default beside a/,
        /^c: /,
      ],
    ],
    irrelevant: [
      [SERVICE],
      [
        object("kubernetes:storage.k8s.io/v1:StorageClass", "bare", {}),
        object("kubernetes:storage.k8s.io/v1:StorageClass", "none", { metadata: undefined }),
      ],
    ],
    extras: [
      [
        storageClass("a", "true"),
        object("kubernetes:storage.k8s.io/v1:StorageClass", "b", {}),
        storageClass("c", "no"),
      ],
    ],
    unknown: [[[storageClass("a", UNKNOWN)], "undecided"]],
  },
  {
    rule: "release-rolls-back",
    compliant: [helmRelease({ atomic: true })],
    violating: [
      [helmRelease({}), /^atomic: it is not set/],
      [helmRelease({ atomic: false }), /not set/],
    ],
    irrelevant: [resource("kubernetes:helm.sh/v4:Chart", "demo", {})],
    extras: [helmRelease({ atomic: true, cleanupOnFail: true })],
    unknown: [[helmRelease({ atomic: UNKNOWN }), "undecided"]],
  },
  {
    rule: "cronjob-does-not-pile-up",
    compliant: [job({ concurrencyPolicy: "Forbid" }), job({ concurrencyPolicy: "Replace" })],
    violating: [
      [job({}), /^spec.concurrencyPolicy: runs may overlap/],
      [job({ concurrencyPolicy: "Allow" }), /overlap/],
      [object("kubernetes:batch/v1:CronJob", "none", {}), /overlap/],
    ],
    irrelevant: [SERVICE],
    extras: [job({ concurrencyPolicy: "Forbid", startingDeadlineSeconds: 600 })],
    unknown: [[job({ concurrencyPolicy: UNKNOWN }), "undecided"]],
  },
];
