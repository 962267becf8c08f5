import { levels, type ResourceRule } from "../../rule";

const LONGEST_SECONDS = 10;

export const rule: ResourceRule = {
  name: "webhook-failure-decided",
  area: "kubernetes",
  kind: "resource",
  sentence: "An admission webhook must say what its own failure means, and fail soon.",
  severity: "high",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "A webhook that fails closed, and whose pods are down, keeps every pod from starting: its own too.",
  fix: "Set failurePolicy and timeoutSeconds (at most 10), and leave kube-system out where it fails closed.",
  types: [
    "kubernetes:admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration",
    "kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration",
  ],
  check: ({ props }) =>
    ((props.webhooks ?? []) as Webhook[]).flatMap((webhook, place) => {
      const { failurePolicy, timeoutSeconds = LONGEST_SECONDS } = webhook;
      const path = `webhooks[${place}]`;
      return [
        ...(failurePolicy === undefined ? [{ path: `${path}.failurePolicy`, reason: "there is none" }] : []),
        ...(timeoutSeconds > LONGEST_SECONDS && builtIn(webhook)
          ? [{ path: `${path}.timeoutSeconds`, reason: `every request may wait ${timeoutSeconds} s` }]
          : []),
        ...(failurePolicy === "Fail" && everywhere(webhook)
          ? [{ path: `${path}.namespaceSelector`, reason: "it fails closed for pods of every namespace" }]
          : []),
      ];
    }),
};

interface Webhook {
  readonly failurePolicy?: string;
  readonly timeoutSeconds?: number;
  readonly rules?: readonly { readonly apiGroups?: readonly string[]; readonly resources?: readonly string[] }[];
  readonly namespaceSelector?: object;
  readonly objectSelector?: object;
}

/** Whether it stands before kinds of Kubernetes itself: who waits for other kinds waits for their own operator. */
function builtIn({ rules = [] }: Webhook): boolean {
  return rules.some(({ apiGroups = ["*"] }) =>
    apiGroups.some((group) => !group.includes(".") || group.endsWith(".k8s.io")),
  );
}

/** Whether it stands before pods and leaves none out. */
function everywhere({ rules = [], namespaceSelector = {}, objectSelector = {} }: Webhook): boolean {
  const pods = rules.some(
    ({ apiGroups = ["*"], resources = [] }) =>
      apiGroups.some((group) => group === "" || group === "*") &&
      resources.some((name) => name === "pods" || name.startsWith("*")),
  );
  return pods && Object.keys(namespaceSelector).length + Object.keys(objectSelector).length === 0;
}
