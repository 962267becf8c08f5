/** What a release of plinth is made of, and how one stands to the plinth that reads it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compare, valid } from "semver";
import { packageRoot } from "../../components/discovery";
import { type Problem, refuse } from "../../components/problem";
import { type Channel, type Manifest, parseManifest } from "../../components/release/manifest";
import { versions } from "../../components/release/versions";
import { version as plinthVersion } from "../../package.json";
import { sha256 } from "./metadata";

/** A release as the command line describes it. */
export interface Draft {
  readonly channel: Channel;
  readonly release: string;
  readonly from: string;
  readonly notes: string;
  readonly talos?: string;
  readonly kubernetes?: string;
}

/** The release of this plinth. @throws ProblemError */
export function manifestOf({ channel, release, from, notes, talos, kubernetes }: Draft): Manifest {
  refuse("Nothing was built:", [...draftProblems({ release, from }), ...pinProblems(talos ?? kubernetes)]);
  const manifest = {
    v: 1,
    channel,
    version: release,
    from,
    notes,
    pins: { ...(talos !== undefined && { talos }), ...(kubernetes !== undefined && { kubernetes }) },
    versions: ownVersions(),
    charts: ownCharts(),
    images: ownImages(),
  };
  return parseManifest(JSON.stringify(manifest), "release");
}

/** What a release names by its version alone, as sentences: whoever serves that can change what it is. */
export function withoutDigest({ charts, images }: Pick<Manifest, "charts" | "images">): readonly string[] {
  const without = (what: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${what} whose digest versions.yaml does not know: ${names.join(", ")}`];
  const bare = Object.entries(charts).flatMap(([name, version]) => (version.includes("@sha256:") ? [] : [name]));
  return [
    ...without("charts and manifests", bare),
    ...without(
      "images",
      images.filter((image) => !image.includes("@sha256:")),
    ),
  ];
}

/** Why this plinth does not set a site to a release: what it brings is tested by the plinth that is released with it. */
export function notYet({ from, version, versions: released }: Manifest): readonly Problem[] {
  const path = "plinth";
  const problem = (reason: string, fix: string) => [{ path, reason, fix }];
  if (compare(plinthVersion, from) < 0)
    return problem(
      `${version} can be reached from plinth ${from}, and this is ${plinthVersion}`,
      `update plinth to ${from} first`,
    );
  if (compare(plinthVersion, version) < 0)
    return problem(
      `the release is that of plinth ${version}, and this is ${plinthVersion}`,
      `install plinth ${version}, and run this again`,
    );
  if (compare(plinthVersion, version) === 0 && ownVersions() !== released)
    return problem(
      `the versions.yaml of this plinth ${version} is not the one that was released`,
      "install it anew, from where the release names it",
    );
  return [];
}

/** What a release brings that this plinth has not: a room without network has to hold it before. One line each. */
export function brings({ charts, images }: Pick<Manifest, "charts" | "images">): readonly string[] {
  const [own, there] = [ownCharts(), new Set(ownImages())];
  return [
    ...Object.entries(charts).flatMap(([name, after]) =>
      own[name] === after ? [] : [`chart ${name}: ${own[name] ?? "none"} → ${after}`],
    ),
    ...Object.keys(own).flatMap((name) => (charts[name] === undefined ? [`chart ${name}: no more`] : [])),
    ...images.filter((image) => !there.has(image)).map((image) => `image ${image}`),
  ];
}

function draftProblems({ release, from }: Pick<Draft, "release" | "from">): readonly Problem[] {
  const named = { "--release": release, "--from": from };
  const bad = Object.entries(named).flatMap(([path, text]) =>
    valid(text) === text ? [] : [{ path, reason: `${text} is no version`, fix: "write it as 0.2.0" }],
  );
  if (bad.length > 0) return bad;
  if (release !== plinthVersion) {
    const reason = `this plinth is ${plinthVersion}, and a release says what its own plinth is made of`;
    return [{ path: "--release", reason, fix: `build it with plinth ${release}` }];
  }
  const reason = `${from} is later than the release itself, ${release}`;
  return compare(from, release) > 0 ? [{ path: "--from", reason, fix: "name the oldest that can go to it" }] : [];
}

function pinProblems(pin: string | undefined): readonly Problem[] {
  if (pin !== undefined) return [];
  const reason = "neither it nor --kubernetes is given, so that the release would set nothing";
  return [{ path: "--talos", reason, fix: "name the versions that sites are set to, also where they stay" }];
}

function ownVersions(): string {
  return sha256(readFileSync(join(packageRoot, "components", "release", "versions.yaml")));
}

function ownCharts(): Readonly<Record<string, string>> {
  const { charts, manifests } = versions();
  return Object.fromEntries(
    [...Object.entries(charts), ...Object.entries(manifests)].map(([name, { version, digest }]) => [
      name,
      digest === undefined ? version : `${version}@${digest}`,
    ]),
  );
}

function ownImages(): readonly string[] {
  const { charts, images } = versions();
  const all = [
    ...Object.values(charts).flatMap((chart) => chart.images),
    ...Object.values(images).map(({ repository, version }) => `${repository}:${version}`),
  ];
  return [...new Set(all)].sort();
}
