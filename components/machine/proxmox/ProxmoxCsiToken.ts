import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

/** Inputs of {@link ProxmoxCsiToken}. */
export interface ProxmoxCsiTokenArgs {
  /**
   * How root of one Proxmox host is reached over SSH; its private key or password is secret. Used when the token is made,
   * and when it is taken away; a change in between does nothing to it. Another Proxmox is another token.
   */
  readonly connection: pulumi.Input<command.types.input.remote.ConnectionArgs>;
  /**
   * Name of the cluster, so that several on one Proxmox do not share a user. A change makes another user, then takes the
   * old one away.
   */
  readonly cluster: string;
}

/** What the CSI driver does: look at nodes, and at disks of machines and datastores. */
const PRIVILEGES = "VM.Audit VM.Config.Disk Datastore.Allocate Datastore.AllocateSpace Datastore.Audit Sys.Audit";

/**
 * User, role and token with which a cluster's CSI driver makes disks on Proxmox VE. There is no API that hands a token
 * to somebody without one, so it is made over SSH, once; deleting it takes token, user and role away again.
 */
export class ProxmoxCsiToken extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:machine:ProxmoxCsiToken";

  /** As `kubernetes-csi-home@pve!csi`. */
  readonly tokenId: string;
  /** Secret. */
  readonly secret: pulumi.Output<string>;

  constructor(name: string, { connection, cluster }: ProxmoxCsiTokenArgs, opts?: pulumi.ComponentResourceOptions) {
    if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(cluster)) {
      throw new pulumi.RunError(
        `"${cluster}" cannot be part of a Proxmox user (use lower-case letters, digits and hyphens)`,
      );
    }
    super(ProxmoxCsiToken.__pulumiType, name, { cluster }, opts);
    const user = `kubernetes-csi-${cluster}@pve`;
    const role = `KubernetesCsi-${cluster}`;
    this.tokenId = `${user}!csi`;
    const own = `${name}-${cluster}`;
    const reached = pulumi.secret(connection);
    // Apart from what makes it, so that another SSH key is there for the end and makes nothing anew now.
    const end = new command.remote.Command(
      `${own}-end`,
      {
        connection: reached,
        delete: [
          `pveum user token remove ${user} csi || true`,
          `pveum user delete ${user} || true`,
          `pveum role delete ${role} || true`,
        ].join("\n"),
        logging: "none",
      },
      { parent: this, additionalSecretOutputs: ["stdout", "stderr"] },
    );
    const made = new command.remote.Command(
      `${own}-token`,
      {
        connection: reached,
        create: [
          "set -eu",
          // What an earlier run left half done is done again: a token tells its secret only once.
          `pveum role add ${role} --privs "${PRIVILEGES}" 2>/dev/null || pveum role modify ${role} --privs "${PRIVILEGES}"`,
          `pveum user add ${user} 2>/dev/null || pveum user modify ${user}`,
          `pveum acl modify / --users ${user} --roles ${role}`,
          `pveum user token remove ${user} csi >/dev/null 2>&1 || true`,
          `pveum user token add ${user} csi --privsep 0 --output-format json`,
        ].join("\n"),
        logging: "none",
      },
      {
        parent: this,
        dependsOn: end,
        additionalSecretOutputs: ["stdout", "stderr"],
        // An update runs `create` again, which revokes the token that the cluster has.
        ignoreChanges: ["create", "delete", "connection"],
        aliases: [{ name: `${name}-token` }],
      },
    );
    this.secret = pulumi.secret(made.stdout.apply((text) => tokenOf(text)));
    this.registerOutputs({ tokenId: this.tokenId });
  }
}

/** Secret of a token, as `pveum` prints it. */
function tokenOf(text: string): string {
  const value: unknown = text.trim() === "" ? undefined : (JSON.parse(text) as { value?: unknown }).value;
  return typeof value === "string" ? value : "";
}
