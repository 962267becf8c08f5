import fc from "fast-check";
import { formatProblem } from "../../components/problem";
import {
  CONTRACTS,
  defaultContract,
  findTalosRelease,
  KUBERNETES_LATEST,
  kubernetesProblems,
  supports,
  TALOS_RELEASES,
  talosctlProblems,
  talosProblems,
  talosRelease,
} from "../../components/talos/releases";
import {
  compareMinors,
  compareVersions,
  formatVersion,
  minorDistance,
  minorOf,
  normaliseVersion,
  parseVersion,
} from "../../components/talos/version";

describe("versions", () => {
  test("are read with and without the v, and written with it", () => {
    expect(normaliseVersion("1.13.0")).toBe("v1.13.0");
    expect(normaliseVersion("v1.14.0-rc.1")).toBe("v1.14.0-rc.1");
    for (const text of ["", "1.13", "v1", "latest", "1.13.0.1", "v1.13.x", " 1.13.0", "1.13.0+build", "vv1.13.0"]) {
      expect(normaliseVersion(text)).toBeUndefined();
    }
  });

  test("are ordered by number, a prerelease before its release", () => {
    const order = ["v1.9.0", "v1.11.2", "v1.11.10", "v1.13.0-beta.2", "v1.13.0-beta.10", "v1.13.0-rc.0", "v1.13.0"];
    const versions = order.map((text) => parseVersion(text));
    for (const [index, a] of versions.entries()) {
      for (const [other, b] of versions.entries()) {
        if (a === undefined || b === undefined) throw new Error("unreadable");
        expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(index - other));
      }
    }
    expect([compareMinors("1.9", "1.11"), compareMinors("2.0", "1.99")].map(Math.sign)).toEqual([-1, 1]);
    expect([minorDistance("1.11", "1.13"), minorDistance("1.13", "1.12"), minorDistance("1.13", "2.0")]).toEqual([
      2,
      -1,
      undefined,
    ]);
  });

  test("survive being written and read", () => {
    const part = fc.nat(200);
    fc.assert(
      fc.property(part, part, part, fc.constantFrom("", "alpha.0", "rc.12"), (major, minor, patch, pre) => {
        const version = { major, minor, patch, pre };
        expect(parseVersion(formatVersion(version))).toEqual(version);
      }),
    );
  });
});

describe("the release table", () => {
  test("has one row a minor and one contract a row, without a gap", () => {
    expect(TALOS_RELEASES.map((release) => release.contract)).toEqual([...CONTRACTS]);
    expect(TALOS_RELEASES.map((release) => `v${release.minor}`)).toEqual([...CONTRACTS]);
  });

  test.each(TALOS_RELEASES)("is sound for $minor", (release) => {
    const versions = [release.latest, release.kubernetes.default, release.etcd.first, release.etcd.latest];
    expect(versions.map(normaliseVersion)).toEqual(versions);
    expect(findTalosRelease(release.latest)).toBe(release);
    expect(supports(release.latest, release.kubernetes.default)).toBe(true);
    // Six minors of Kubernetes, two of hosts either way: SupportedKubernetesVersions and the compatibility packages.
    expect(minorDistance(release.kubernetes.min, release.kubernetes.max)).toBe(5);
    expect(minorDistance(release.upgradableFrom, release.minor)).toBe(2);
    expect(minorDistance(release.minor, release.downgradableBelow)).toBe(2);
    expect(kubernetesProblems("k", release.latest, release.kubernetes.default)).toEqual([]);
  });

  test("starts a new site with a contract that can be generated", () => {
    expect(["v1.11.6", "v1.13.9", "v1.14.1"].map(defaultContract)).toEqual(["v1.11", "v1.13", "v1.13"]);
  });

  test("knows the newest patch of every Kubernetes minor that any Talos runs", () => {
    for (const { kubernetes } of TALOS_RELEASES) {
      expect(Object.keys(KUBERNETES_LATEST)).toEqual(expect.arrayContaining([kubernetes.min, kubernetes.max]));
    }
    for (const [minor, latest] of Object.entries(KUBERNETES_LATEST)) {
      const version = parseVersion(latest);
      expect(version && minorOf(version)).toBe(minor);
    }
  });
});

describe("what cannot be used", () => {
  test.each([
    ["1.13", 'talos: "1.13" is not a Talos version (write it in full, as v1.14.1)'],
    [
      "v1.15.0",
      "talos: Talos v1.15.0 is of a minor plinth has no data for (it knows 1.11, 1.12, 1.13, 1.14) (use a known minor, or add it to the table in components/talos/releases.ts)",
    ],
    [
      "v1.13.42",
      "talos: Talos v1.13.42 is not known: the newest known patch of 1.13 is v1.13.10 (use v1.13.10 or older; if v1.13.42 exists, raise it in components/talos/releases.ts)",
    ],
  ])("Talos %s", (version, message) => {
    expect(talosProblems("talos", version).map(formatProblem)).toEqual([message]);
    expect(() => talosRelease(version)).toThrow("Talos version cannot be used:");
  });

  test.each([
    ["v1.13.9", "v1.37.0", "Talos v1.13.9 does not run Kubernetes v1.37.0: it runs 1.31 to 1.36"],
    ["v1.14.1", "v1.31.14", "Talos v1.14.1 does not run Kubernetes v1.31.14: it runs 1.32 to 1.37"],
    ["v1.13.9", "v1.38.0", "of a minor plinth has no data for"],
    ["v1.13.9", "v1.36.99", "the newest known patch of 1.36 is v1.36.6"],
    ["v1.13.9", "latest", '"latest" is not a Kubernetes version'],
  ])("beside Talos %s Kubernetes %s", (talos, kubernetes, reason) => {
    expect(
      kubernetesProblems("kubernetes", talos, kubernetes)
        .map((problem) => problem.reason)
        .join(),
    ).toContain(reason);
    expect(supports(talos, kubernetes)).toBe(supports(talos, kubernetes) && kubernetes === "v1.36.99");
  });

  test("nothing is supported by what is unknown", () => {
    expect([supports("v1.15.0", "v1.36.0"), supports("nonsense", "v1.36.0"), supports("v1.13.0", "nonsense")]).toEqual([
      false,
      false,
      false,
    ]);
  });

  test("a talosctl older than what it shall bring about", () => {
    expect(talosctlProblems("v1.13.0", "v1.13.9", "v1.36.3")).toEqual([]);
    expect(talosctlProblems("v1.15.0", "v1.14.1", "v1.37.0")).toEqual([]);
    expect(talosctlProblems("v1.13.9", "v1.14.1", "v1.36.3").map(formatProblem)).toEqual([
      "talosctl: talosctl v1.13.9 is too old for Talos v1.14.1 (install talosctl v1.14.0 or later, or set PLINTH_TALOSCTL to one)",
    ]);
    expect(talosctlProblems("v1.12.0", "v1.12.0", "v1.37.0").map(formatProblem)).toEqual([
      "talosctl: talosctl v1.12.0 is too old for Kubernetes v1.37.0 (install talosctl v1.14.0 or later, or set PLINTH_TALOSCTL to one)",
    ]);
    expect(talosctlProblems("", "v1.13.9", "v1.36.3")).toHaveLength(1);
    expect(talosctlProblems(undefined, "v1.13.9", "v1.36.3").map(formatProblem)).toEqual([
      "talosctl: there is none (install talosctl and put it on PATH, or name one in PLINTH_TALOSCTL)",
    ]);
  });
});
