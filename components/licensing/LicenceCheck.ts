import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** Inputs of {@link LicenceCheck}. */
export interface LicenceCheckArgs {
  /** Image of plinth with its digest. In place. */
  readonly image: string;
  /** When it runs, as cron has it, in UTC. In place. */
  readonly schedule: string;
  /** URL of a Pushgateway. In place. @default - metrics stay in the ConfigMap */
  readonly push?: string | undefined;
  /** Namespace of the objects. */
  readonly namespace: pulumi.Input<string>;
  /** Name of the Secret with the licence. */
  readonly secret: pulumi.Input<string>;
}

/** Files of the Secret in the container. */
const FOLDER = "/licence";
const NAME = "licence-check";
/** What the check writes, by name: it may touch no other object. */
const STATUS = "licence-status";

/**
 * A CronJob that judges the licence by the nodes that are truly there. It may list nodes, and write one ConfigMap and
 * Events; it stops nothing. A run that finds no good licence fails, so that whoever watches jobs sees it.
 */
export class LicenceCheck extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:licensing:LicenceCheck";

  constructor(name: string, args: LicenceCheckArgs, opts?: pulumi.ComponentResourceOptions) {
    super(LicenceCheck.__pulumiType, name, {}, opts);
    const child = { parent: this, dependsOn: opts?.dependsOn ?? [] };
    const { namespace } = args;
    const metadata = { name: NAME, namespace };
    const account = new k8s.core.v1.ServiceAccount(`${name}-account`, { metadata }, child);
    const subjects = [{ kind: "ServiceAccount", name: account.metadata.name, namespace }];
    const own = { name: `plinth-${NAME}` };
    const nodes = new k8s.rbac.v1.ClusterRole(
      `${name}-nodes`,
      { metadata: own, rules: [{ apiGroups: [""], resources: ["nodes"], verbs: ["list"] }] },
      child,
    );
    const status = new k8s.rbac.v1.Role(
      `${name}-status`,
      {
        metadata,
        rules: [
          { apiGroups: [""], resources: ["configmaps"], resourceNames: [STATUS], verbs: ["get", "patch"] },
          // A server-side apply of what is not there yet is a create, too; a name cannot be given to that.
          { apiGroups: [""], resources: ["configmaps", "events"], verbs: ["create"] },
          { apiGroups: [""], resources: ["events"], verbs: ["patch"] },
        ],
      },
      child,
    );
    const roleRef = (kind: string, role: pulumi.Input<string>) => ({
      apiGroup: "rbac.authorization.k8s.io",
      kind,
      name: role,
    });
    new k8s.rbac.v1.ClusterRoleBinding(
      `${name}-nodes`,
      { metadata: own, subjects, roleRef: roleRef("ClusterRole", nodes.metadata.name) },
      child,
    );
    new k8s.rbac.v1.RoleBinding(
      `${name}-status`,
      { metadata, subjects, roleRef: roleRef("Role", status.metadata.name) },
      child,
    );
    new k8s.batch.v1.CronJob(`${name}-job`, { metadata, spec: cronJob(args, account.metadata.name) }, child);
    this.registerOutputs({});
  }
}

function cronJob(
  { image, schedule, push, secret }: LicenceCheckArgs,
  serviceAccountName: pulumi.Input<string>,
): k8s.types.input.batch.v1.CronJobSpec {
  const container = {
    name: "check",
    image,
    args: ["licence", "check", "--folder", FOLDER, ...(push === undefined ? [] : ["--push", push])],
    resources: { requests: { cpu: "20m", memory: "96Mi" }, limits: { memory: "256Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [{ name: "licence", mountPath: FOLDER, readOnly: true }],
  };
  return {
    schedule,
    timeZone: "Etc/UTC",
    concurrencyPolicy: "Forbid",
    successfulJobsHistoryLimit: 1,
    failedJobsHistoryLimit: 1,
    jobTemplate: {
      spec: {
        backoffLimit: 0,
        activeDeadlineSeconds: 300,
        template: {
          spec: {
            serviceAccountName,
            restartPolicy: "Never",
            securityContext: {
              runAsNonRoot: true,
              runAsUser: 65532,
              runAsGroup: 65532,
              seccompProfile: { type: "RuntimeDefault" },
            },
            containers: [container],
            volumes: [{ name: "licence", secret: { secretName: secret, defaultMode: 0o444 } }],
          },
        },
      },
    },
  };
}
