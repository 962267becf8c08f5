import { join } from "node:path";

/** How a folder of binaries is built from one Go module. */
export interface Recipe {
  /** Folder below the tools cache, and the name in messages. */
  readonly name: string;
  /** Folder of the Go module, relative to the package root. */
  readonly folder: string;
  /** Module file of the folder that pins the versions, without its `.mod`. @default "go" */
  readonly pins?: string;
  /** Binary name → Go package. */
  readonly binaries: Readonly<Record<string, string>>;
  /** Variables stamped by the linker, given the versions that the module pins (module path → version). */
  readonly stamps: (pinned: ReadonlyMap<string, string>) => Readonly<Record<string, string>>;
  /** Whether the module's own sources belong to the cache key (a pinned tool is its go.mod and go.sum alone). */
  readonly ownSources: boolean;
  /** A file of a required module that is compiled from a file of the recipe's folder instead. @default - none */
  readonly patch?: Patch;
  /** Free disk space that a cold build needs in the Go caches, in GiB. */
  readonly spaceGiB: number;
}

/** One replaced source file. */
export interface Patch {
  /** Path of the required module. */
  readonly module: string;
  /** File inside that module. */
  readonly file: string;
  /** File inside the recipe's folder that stands in for it. */
  readonly by: string;
}

/** Everything a lab needs that can be built from Go modules, quickest and most needed first. */
export const recipes = {
  pulumi: {
    name: "pulumi",
    folder: join("lab", "tools", "pulumi"),
    binaries: { pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi" },
    // Without its version the Automation API refuses the engine.
    stamps: (pinned) => ({
      "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": version(pinned, "github.com/pulumi/pulumi/pkg/v3"),
    }),
    ownSources: false,
    spaceGiB: 4,
  },
  rig: {
    name: "rig",
    folder: join("lab", "rig"),
    binaries: { rig: "./cmd/rig", standin: "./cmd/standin" },
    stamps: () => ({}),
    ownSources: true,
    spaceGiB: 3,
  },
  talosctl: {
    name: "talosctl",
    folder: join("lab", "tools", "talosctl"),
    binaries: { talosctl: "github.com/siderolabs/talos/cmd/talosctl" },
    stamps: () => ({}),
    ownSources: true,
    // The netlink library at the commit that this file needs is on no module proxy.
    patch: {
      module: "github.com/siderolabs/talos",
      file: "cmd/talosctl/cmd/mgmt/bgp_launch_linux.go",
      by: "patch/bgp_launch_linux.go",
    },
    spaceGiB: 3,
  },
  kubernetes: {
    name: "kubernetes",
    folder: join("lab", "tools", "kubernetes"),
    binaries: {
      etcd: "go.etcd.io/etcd/server/v3",
      etcdutl: "go.etcd.io/etcd/etcdutl/v3",
      "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
      "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
      "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
      kubectl: "k8s.io/kubernetes/cmd/kubectl",
      kwok: "sigs.k8s.io/kwok/cmd/kwok",
    },
    stamps: (pinned) => {
      const kubernetes = version(pinned, "k8s.io/kubernetes");
      const [major = "", minor = ""] = kubernetes.replace(/^v/, "").split(".");
      const stamps: Record<string, string> = {};
      for (const where of ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]) {
        stamps[`${where}.gitVersion`] = kubernetes;
        stamps[`${where}.gitMajor`] = major;
        stamps[`${where}.gitMinor`] = minor;
        stamps[`${where}.gitTreeState`] = "archive";
      }
      return stamps;
    },
    ownSources: false,
    spaceGiB: 4,
  },
  helm: {
    name: "helm",
    folder: join("lab", "tools", "helm"),
    binaries: { helm: "helm.sh/helm/v3/cmd/helm" },
    stamps: (pinned) => {
      // The Kubernetes that charts are rendered for when nobody says another; without it helm takes v1.20.
      const minor = version(pinned, "k8s.io/client-go").split(".")[1] ?? "";
      const stamps: Record<string, string> = {
        "helm.sh/helm/v3/internal/version.version": version(pinned, "helm.sh/helm/v3"),
      };
      for (const where of ["helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules"]) {
        stamps[`${where}.k8sVersionMajor`] = "1";
        stamps[`${where}.k8sVersionMinor`] = minor;
      }
      return stamps;
    },
    ownSources: false,
    spaceGiB: 2,
  },
} satisfies Record<string, Recipe>;

/** Name of a {@link recipes} entry. */
export type RecipeName = keyof typeof recipes;

/** What every lab needs. Helm is only built for a site with a platform. */
export const everyLab: readonly RecipeName[] = (Object.keys(recipes) as RecipeName[]).filter((name) => name !== "helm");

function version(pinned: ReadonlyMap<string, string>, module: string): string {
  const found = pinned.get(module);
  if (found === undefined) throw new Error(`go.mod does not require ${module}`);
  return found;
}

/** Versions that a go.mod requires, by module path. */
export function requirements(goMod: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of goMod.split("\n")) {
    const match = /^(?:require\s+|\t)([^\s()]+)\s+(v[^\s]+)(?:\s+\/\/.*)?$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) found.set(match[1], match[2]);
  }
  return found;
}
