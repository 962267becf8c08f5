import parse from "semver/functions/parse.js";

/** A release version in its parts. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Prerelease tag (`beta.0`), empty for a release. */
  readonly pre: string;
}

/** Reads `v1.13.0`, `1.13.0` or `v1.14.0-rc.1`; undefined when it is not a full version. */
export function parseVersion(text: string): Version | undefined {
  // semver forgives blanks and a doubled v.
  if (!/^v?\d\S*$/.test(text)) return undefined;
  const parsed = parse(text);
  if (parsed === null || parsed.build.length > 0) return undefined;
  return { major: parsed.major, minor: parsed.minor, patch: parsed.patch, pre: parsed.prerelease.join(".") };
}

/** The one way a version is written: `v1.13.0`. */
export function formatVersion(version: Version): string {
  const core = `v${version.major}.${version.minor}.${version.patch}`;
  return version.pre === "" ? core : `${core}-${version.pre}`;
}

/** `1.13.0` → `v1.13.0`; undefined when it is not a full version. */
export function normaliseVersion(text: string): string | undefined {
  const version = parseVersion(text);
  return version === undefined ? undefined : formatVersion(version);
}

/** `v1.13.4` → `1.13`: the key of a release table. */
export function minorOf(version: Version): string {
  return `${version.major}.${version.minor}`;
}

/** Negative when a is older than b, zero when equal, positive when newer. A prerelease is older than its release. */
export function compareVersions(a: Version, b: Version): number {
  const core = a.major - b.major || a.minor - b.minor || a.patch - b.patch;
  if (core !== 0 || a.pre === b.pre) return core;
  const [left, right] = [parse(formatVersion(a).slice(1)), parse(formatVersion(b).slice(1))];
  return left === null || right === null ? 0 : left.compare(right);
}

/** Compares `1.9` with `1.11` by number, not by letter. */
export function compareMinors(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}

/** How many minors b is above a (`1.11` → `1.13` is 2); undefined over different majors. */
export function minorDistance(a: string, b: string): number | undefined {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA === majorB ? minorB - minorA : undefined;
}
