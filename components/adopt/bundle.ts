import { type Problem, refuse } from "../problem";
import type { ClientConfiguration, MachineSecrets } from "../talos/binding";
import { type ConfigDocument, valueAt } from "../talos/config/yaml";

/** What a cluster that exists already is identified and reached by: all of it secret. */
export interface SecretsBundle {
  readonly machineSecrets: MachineSecrets;
  readonly clientConfiguration: ClientConfiguration;
}

/**
 * The secrets of a cluster out of the configuration of one of its control planes; workers do not have them all.
 *
 * @throws ProblemError with every secret that is missing, by its path; values are never told
 */
export function machineSecretsOf(documents: readonly ConfigDocument[], node: string): MachineSecrets {
  const main = documents.find(({ kind }) => kind === undefined) ?? {};
  const problems: Problem[] = [];
  const text = (path: string): string => {
    const value = valueAt(main, path);
    if (typeof value === "string" && value !== "") return value;
    problems.push({
      path,
      reason: `is missing in the configuration of ${node}`,
      fix: "name a control plane whose configuration is in v1alpha1 fields (contract v1.13 or older)",
    });
    return "";
  };
  const pair = (path: string) => ({ cert: text(`${path}.crt`), key: text(`${path}.key`) });
  const optional = (path: string): string | undefined => {
    const value = valueAt(main, path);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const aescbc = optional("cluster.aescbcEncryptionSecret");
  const secretbox = optional("cluster.secretboxEncryptionSecret");
  const secrets: MachineSecrets = {
    certs: {
      etcd: pair("cluster.etcd.ca"),
      k8s: pair("cluster.ca"),
      k8sAggregator: pair("cluster.aggregatorCA"),
      k8sServiceaccount: { key: text("cluster.serviceAccount.key") },
      os: pair("machine.ca"),
    },
    cluster: { id: text("cluster.id"), secret: text("cluster.secret") },
    secrets: {
      bootstrapToken: text("cluster.token"),
      ...(aescbc !== undefined && { aescbcEncryptionSecret: aescbc }),
      ...(secretbox !== undefined && { secretboxEncryptionSecret: secretbox }),
    },
    trustdinfo: { token: text("machine.token") },
  };
  refuse("The cluster's secrets cannot be taken over:", problems);
  return secrets;
}

/** The same in the form of `talosctl gen secrets`, for talosctl to generate configurations with. */
export function talosctlSecrets({ certs, cluster, secrets, trustdinfo }: MachineSecrets): object {
  const pair = ({ cert, key }: { readonly cert: string; readonly key: string }) => ({ crt: cert, key });
  return {
    cluster,
    secrets: {
      bootstraptoken: secrets.bootstrapToken,
      secretboxencryptionsecret: secrets.secretboxEncryptionSecret,
      aescbcencryptionsecret: secrets.aescbcEncryptionSecret,
    },
    trustdinfo,
    certs: {
      etcd: pair(certs.etcd),
      k8s: pair(certs.k8s),
      k8saggregator: pair(certs.k8sAggregator),
      k8sserviceaccount: { key: certs.k8sServiceaccount.key },
      os: pair(certs.os),
    },
  };
}

/** A bundle as a stack's configuration holds it. @throws ProblemError when the text is none; it is never told. */
export function parseBundle(text: string): SecretsBundle {
  try {
    const { machineSecrets, clientConfiguration } = JSON.parse(text);
    if (machineSecrets?.certs?.os?.key && machineSecrets.cluster?.id && clientConfiguration?.clientKey) {
      return { machineSecrets, clientConfiguration };
    }
  } catch {
    // Told below: the parser's own words would quote the text.
  }
  const fix = "write it anew with plinth adopt --bundle, then pulumi config set --secret secrets:bundle < FILE";
  refuse("The secrets of the cluster cannot be read:", [
    { path: "secrets:bundle", reason: "is not the secrets bundle of a cluster", fix },
  ]);
  throw new Error("unreachable");
}
