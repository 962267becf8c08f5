import type { Problem } from "../problem";
import { ProblemError } from "../problem";
import { compareMinors, minorOf, parseVersion, type Version } from "./version";

/**
 * What plinth knows of one Talos minor. Data, not code: a new minor is a new row here, a row in `config/documents.ts`
 * for its documents, and nothing else. It is TypeScript rather than YAML so that the compiler checks every row and the
 * published package needs no file beside its code.
 */
export interface TalosRelease {
  /** `1.13`. */
  readonly minor: string;
  /** Configuration contract of that minor, as the machine configuration generator wants it: `v1.13`. */
  readonly contract: Contract;
  /** Day of the `.0` release. */
  readonly released: string;
  /** Newest patch known. A version above it is refused as unknown. */
  readonly latest: string;
  /** Kubernetes minors it runs, both inclusive, and the version it generates by default. */
  readonly kubernetes: { readonly min: string; readonly max: string; readonly default: string };
  /** etcd it runs by default: at the `.0` and at the newest patch. The minor decides about roll-back. */
  readonly etcd: { readonly first: string; readonly latest: string };
  /** Oldest minor whose hosts may install it, by the installer's own check. Plinth goes one minor at a time all the same. */
  readonly upgradableFrom: string;
  /** First minor whose hosts may NOT install it (as a downgrade), by the installer's own check. */
  readonly downgradableBelow: string;
  /** Whether the machine itself says that a configuration change needs a reboot. */
  readonly reportsReboot: boolean;
  /** Whether the machine refuses an upgrade that would endanger etcd. Where not, the caller has to gate it. */
  readonly guardsEtcd: boolean;
  /** Whether an image is installed by one call and booted by another; where not, one call does both. */
  readonly installsApart: boolean;
  /** Whether removed bootstrap manifests are pruned from the cluster by the Kubernetes upgrade. */
  readonly prunesManifests: boolean;
  /** Whether an installer is published outside the Image Factory. */
  readonly plainInstaller: boolean;
}

/** Configuration contracts plinth can write. */
export const CONTRACTS = ["v1.11", "v1.12", "v1.13", "v1.14"] as const;
export type Contract = (typeof CONTRACTS)[number];

/**
 * Newest contract that the talos provider's generator (pulumiverse/talos 0.8, with Talos 1.13's machinery) can write base
 * configurations for. Newer Talos versions read the older contract, so a site of theirs starts with this one.
 */
export const GENERATED_CONTRACT: Contract = "v1.13";

/** File to extend when a version is too new for plinth; named in every refusal. */
export const RELEASE_TABLE = "components/talos/releases.ts";

/**
 * Sources: `pkg/machinery/compatibility/talos1NN` and `constants.go` of the Talos tags, the release notes, and the
 * support matrix. etcd, default Kubernetes and ranges were read from the machinery modules of 1.11.3, 1.12.0, 1.13.9, 1.14.1.
 */
export const TALOS_RELEASES: readonly TalosRelease[] = [
  {
    minor: "1.11",
    contract: "v1.11",
    released: "2025-09-01",
    latest: "v1.11.6",
    kubernetes: { min: "1.29", max: "1.34", default: "v1.34.1" },
    etcd: { first: "v3.6.4", latest: "v3.6.5" },
    upgradableFrom: "1.9",
    downgradableBelow: "1.13",
    reportsReboot: true,
    guardsEtcd: true,
    installsApart: false,
    prunesManifests: false,
    plainInstaller: true,
  },
  {
    minor: "1.12",
    contract: "v1.12",
    released: "2025-12-22",
    latest: "v1.12.11",
    kubernetes: { min: "1.30", max: "1.35", default: "v1.35.0" },
    etcd: { first: "v3.6.7", latest: "v3.6.11" },
    upgradableFrom: "1.10",
    downgradableBelow: "1.14",
    reportsReboot: true,
    guardsEtcd: true,
    installsApart: false,
    prunesManifests: false,
    plainInstaller: true,
  },
  {
    minor: "1.13",
    contract: "v1.13",
    released: "2026-04-27",
    latest: "v1.13.10",
    kubernetes: { min: "1.31", max: "1.36", default: "v1.36.3" },
    etcd: { first: "v3.6.9", latest: "v3.6.12" },
    upgradableFrom: "1.11",
    downgradableBelow: "1.15",
    reportsReboot: true,
    guardsEtcd: false,
    installsApart: true,
    prunesManifests: true,
    plainInstaller: true,
  },
  {
    minor: "1.14",
    contract: "v1.14",
    released: "2026-09-01",
    latest: "v1.14.1",
    kubernetes: { min: "1.32", max: "1.37", default: "v1.37.0" },
    etcd: { first: "v3.7.1", latest: "v3.7.1" },
    upgradableFrom: "1.12",
    downgradableBelow: "1.16",
    reportsReboot: false,
    guardsEtcd: false,
    installsApart: true,
    prunesManifests: true,
    plainInstaller: false,
  },
];

/** Newest patch known of each Kubernetes minor (from the published k8s.io/api modules). */
export const KUBERNETES_LATEST: Readonly<Record<string, string>> = {
  "1.29": "v1.29.15",
  "1.30": "v1.30.14",
  "1.31": "v1.31.14",
  "1.32": "v1.32.13",
  "1.33": "v1.33.13",
  "1.34": "v1.34.13",
  "1.35": "v1.35.10",
  "1.36": "v1.36.6",
  "1.37": "v1.37.2",
};

/** The row of a Talos version, of whatever patch; undefined when its minor is not in the table. */
export function findTalosRelease(version: string): TalosRelease | undefined {
  const parsed = parseVersion(version);
  return parsed === undefined ? undefined : releaseOfMinor(minorOf(parsed));
}

/** The row of a minor written `1.13`. */
export function releaseOfMinor(minor: string): TalosRelease | undefined {
  return TALOS_RELEASES.find((release) => release.minor === minor);
}

/** The row of a Talos version. @throws ProblemError when {@link talosProblems} has any. */
export function talosRelease(version: string): TalosRelease {
  const release = findTalosRelease(version);
  const problems = talosProblems("", version);
  if (release === undefined || problems.length > 0) throw new ProblemError("Talos version cannot be used:", problems);
  return release;
}

/** Contract that a new site of that Talos version starts with. @throws ProblemError as {@link talosRelease} does. */
export function defaultContract(version: string): Contract {
  const { contract } = talosRelease(version);
  return CONTRACTS.indexOf(contract) > CONTRACTS.indexOf(GENERATED_CONTRACT) ? GENERATED_CONTRACT : contract;
}

/** Whether that Talos minor runs that Kubernetes minor. False for versions the table does not know. */
export function supports(talos: string, kubernetes: string): boolean {
  const release = findTalosRelease(talos);
  const wanted = parseVersion(kubernetes);
  return release !== undefined && wanted !== undefined && inRange(release, minorOf(wanted));
}

/** What is wrong with a Talos version: not a version, of an unknown minor, or a patch that is not known to exist. */
export function talosProblems(path: string, version: string): readonly Problem[] {
  const parsed = parseVersion(version);
  if (parsed === undefined) {
    return [{ path, reason: `"${version}" is not a Talos version`, fix: `write it in full, as ${newestTalos()}` }];
  }
  const release = releaseOfMinor(minorOf(parsed));
  if (release === undefined) return [unknownMinor(path, "Talos", version, talosMinors())];
  return beyond(path, "Talos", version, parsed, release.latest);
}

/** What is wrong with a Kubernetes version by itself, and beside that Talos version. */
export function kubernetesProblems(path: string, talos: string, kubernetes: string): readonly Problem[] {
  const parsed = parseVersion(kubernetes);
  if (parsed === undefined) {
    return [{ path, reason: `"${kubernetes}" is not a Kubernetes version`, fix: "write it in full, as v1.36.3" }];
  }
  const latest = KUBERNETES_LATEST[minorOf(parsed)];
  if (latest === undefined) {
    return [unknownMinor(path, "Kubernetes", kubernetes, Object.keys(KUBERNETES_LATEST))];
  }
  const problems = beyond(path, "Kubernetes", kubernetes, parsed, latest);
  const release = findTalosRelease(talos);
  if (release === undefined || inRange(release, minorOf(parsed))) return problems;
  const { min, max } = release.kubernetes;
  return [
    ...problems,
    {
      path,
      reason: `Talos ${talos} does not run Kubernetes ${kubernetes}: it runs ${min} to ${max}`,
      fix: `choose Kubernetes ${min} to ${max}, or a Talos minor that runs ${minorOf(parsed)}`,
    },
  ];
}

/** What is wrong with the format of configurations (`v1.13`) for machines of a Talos version the table knows. */
export function contractProblems(path: string, contract: string, talos: string): readonly Problem[] {
  const release = findTalosRelease(talos);
  if (release === undefined) return [];
  const minor = contract.replace(/^v/, "");
  if (compareMinors(minor, release.minor) > 0) {
    const reason = `contract ${contract} is newer than talos.version ${talos}`;
    return [{ path, reason, fix: `write ${defaultContract(release.latest)} or older` }];
  }
  if (compareMinors(minor, GENERATED_CONTRACT.slice(1)) <= 0) return [];
  const reason = `the talos provider that plinth uses cannot generate contract ${contract}`;
  return [{ path, reason, fix: `write ${GENERATED_CONTRACT}: newer Talos versions run it` }];
}

/**
 * What is wrong with a talosctl for bringing a cluster to these versions: it knows neither the images nor the upgrade path
 * of a release newer than itself. `undefined` is one that is not there.
 */
export function talosctlProblems(talosctl: string | undefined, talos: string, kubernetes: string): readonly Problem[] {
  const install = "install talosctl and put it on PATH, or name one in PLINTH_TALOSCTL";
  if (talosctl === undefined) return [{ path: "talosctl", reason: "there is none", fix: install }];
  const [tool, target, wanted] = [findTalosRelease(talosctl), parseVersion(talos), parseVersion(kubernetes)];
  const problem = (needs: string, atLeast: string): Problem => ({
    path: "talosctl",
    reason: `talosctl ${talosctl} is too old for ${needs}`,
    fix: `install talosctl ${atLeast} or later, or set PLINTH_TALOSCTL to one`,
  });
  if (parseVersion(talosctl) === undefined) {
    return [{ path: "talosctl", reason: `"${talosctl}" is not the version of a talosctl`, fix: install }];
  }
  if (target !== undefined && compareMinors(minorOf(parseVersion(talosctl) ?? target), minorOf(target)) < 0) {
    return [problem(`Talos ${talos}`, `v${minorOf(target)}.0`)];
  }
  if (tool === undefined || wanted === undefined) return [];
  if (compareMinors(minorOf(wanted), tool.kubernetes.max) <= 0) return [];
  const first = TALOS_RELEASES.find((release) => inRange(release, minorOf(wanted)) && release.minor > tool.minor);
  return [problem(`Kubernetes ${kubernetes}`, `v${first?.minor ?? tool.minor}.0`)];
}

function inRange(release: TalosRelease, minor: string): boolean {
  const { min, max } = release.kubernetes;
  return compareMinors(minor, min) >= 0 && compareMinors(minor, max) <= 0;
}

function beyond(path: string, product: string, text: string, version: Version, latest: string): readonly Problem[] {
  const newest = parseVersion(latest);
  if (newest === undefined || version.patch <= newest.patch) return [];
  return [
    {
      path,
      reason: `${product} ${text} is not known: the newest known patch of ${minorOf(version)} is ${latest}`,
      fix: `use ${latest} or older; if ${text} exists, raise it in ${RELEASE_TABLE}`,
    },
  ];
}

function unknownMinor(path: string, product: string, version: string, known: readonly string[]): Problem {
  return {
    path,
    reason: `${product} ${version} is of a minor plinth has no data for (it knows ${known.join(", ")})`,
    fix: `use a known minor, or add it to the table in ${RELEASE_TABLE}`,
  };
}

function talosMinors(): readonly string[] {
  return TALOS_RELEASES.map((release) => release.minor);
}

function newestTalos(): string {
  return TALOS_RELEASES.at(-1)?.latest ?? "v1.13.0";
}
