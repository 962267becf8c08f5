/** Which cluster a machine belongs to, by its configuration. Pure. */
import type { Manifest } from "../../components/backup/snapshot";
import { documents } from "../talos/yaml";

interface Identity {
  readonly cluster: Manifest["cluster"];
  /** Version of its API server, as `v1.36.3`; absent where the configuration leaves it to Talos. */
  readonly kubernetes?: string;
  /** URL of the Kubernetes API and the CA of its certificate, as PEM or in base64. */
  readonly api?: { readonly url: string; readonly ca: string };
}

interface MachineConfiguration {
  readonly kind?: string;
  /** Of the document DiscoveryIdentityConfig, which takes the place of `cluster.id` from contract v1.14 on. */
  readonly clusterID?: string;
  /** Of the document KubeClusterConfig, likewise. */
  readonly clusterName?: string;
  readonly cluster?: {
    readonly id?: string;
    readonly clusterName?: string;
    readonly controlPlane?: { readonly endpoint?: string };
    readonly ca?: { readonly crt?: string };
    readonly apiServer?: { readonly image?: string };
  };
  readonly machine?: { readonly kubelet?: { readonly image?: string } };
}

export function identityOf(configuration: string): Identity {
  const parts = documents(configuration) as readonly (MachineConfiguration | null)[];
  const main = parts.find((part) => part?.kind === undefined && part?.machine !== undefined);
  const document = (kind: string) => parts.find((part) => part?.kind === kind);
  const id = main?.cluster?.id ?? document("DiscoveryIdentityConfig")?.clusterID;
  const clusterName = main?.cluster?.clusterName ?? document("KubeClusterConfig")?.clusterName;
  if (id === undefined || id === "") throw new Error("the machine's configuration does not tell its cluster's id");
  const image = main?.cluster?.apiServer?.image ?? main?.machine?.kubelet?.image;
  const version = /:(v\d+\.\d+\.\d+[^@]*)/.exec(image ?? "")?.[1];
  const [url, ca] = [main?.cluster?.controlPlane?.endpoint, main?.cluster?.ca?.crt];
  return {
    cluster: { id, name: clusterName ?? "talos" },
    ...(version !== undefined && { kubernetes: version }),
    ...(url !== undefined && ca !== undefined && { api: { url, ca } }),
  };
}
