import { compareMinors, minorOf, normaliseVersion, parseVersion } from "./version";

/** What a cluster is made of, as far as Talos is told. */
export interface TalosImagesOf {
  readonly talos: string;
  readonly kubernetes: string;
  readonly cni: "flannel" | "none";
  readonly kubeProxy: boolean;
}

/** An image by its repository, and its tag where plinth knows it. */
export interface TalosImage {
  readonly repository: string;
  readonly tag?: string;
}

interface Defaults {
  readonly etcd: string;
  readonly coredns: string;
  readonly pause: string;
  readonly flannel: string;
}

/**
 * Tags that a release of Talos brings by itself. Sources: constants.go of the machinery modules and pkg/images/list.go of
 * the same tags; `talosctl image k8s-bundle` of that release prints them. A release that is not here is not guessed.
 */
const DEFAULTS: Readonly<Record<string, Defaults>> = {
  "v1.12.0": { etcd: "v3.6.7", coredns: "v1.13.2", pause: "3.10", flannel: "v0.27.4" },
  "v1.13.0": { etcd: "v3.6.9", coredns: "v1.14.2", pause: "3.10.1", flannel: "v0.28.4" },
  "v1.13.9": { etcd: "v3.6.12", coredns: "v1.14.6", pause: "3.10.1", flannel: "0.28.8" },
  "v1.14.1": { etcd: "3.7.1", coredns: "v1.14.7", pause: "3.10.2", flannel: "0.28.9" },
};

/** Images that Talos runs a cluster from, beside its installer. */
export function talosImages({ talos, kubernetes, cni, kubeProxy }: TalosImagesOf): readonly TalosImage[] {
  const own = DEFAULTS[normaliseVersion(talos) ?? talos];
  const part = (repository: string, key: keyof Defaults): TalosImage => ({
    repository,
    ...(own !== undefined && { tag: own[key] }),
  });
  const tag = normaliseVersion(kubernetes) ?? kubernetes;
  const components = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
  return [
    { repository: "ghcr.io/siderolabs/kubelet", tag },
    ...[...components, ...(kubeProxy ? ["kube-proxy"] : [])].map((name) => ({
      repository: `registry.k8s.io/${name}`,
      tag,
    })),
    part(etcdRepository(talos), "etcd"),
    part("registry.k8s.io/coredns/coredns", "coredns"),
    part("registry.k8s.io/pause", "pause"),
    ...(cni === "flannel" ? [part("ghcr.io/siderolabs/flannel", "flannel")] : []),
  ];
}

/** etcd moved with Talos 1.12. */
function etcdRepository(talos: string): string {
  const version = parseVersion(talos);
  const old = version !== undefined && compareMinors(minorOf(version), "1.12") < 0;
  return old ? "gcr.io/etcd-development/etcd" : "registry.k8s.io/etcd";
}
