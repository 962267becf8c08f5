import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import semver from "semver";
import { ROOT } from "../support/site";

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const packages: Readonly<Record<string, Locked>> = JSON.parse(
  readFileSync(join(ROOT, "package-lock.json"), "utf8"),
).packages;

/** The package that `name` means from a place in the tree: its own, or the nearest above. */
function resolved(from: string, name: string): Locked | undefined {
  for (let at = from; ; at = dirname(at)) {
    const found = packages[join(at, "node_modules", name)];
    if (found !== undefined || at === ".") return found;
    if (at === "") return undefined;
  }
}

test("the lock is of this package.json", () => {
  const own = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const kind of ["dependencies", "devDependencies", "peerDependencies"] as const) {
    expect([kind, (packages[""] as Record<string, unknown>)[kind]]).toEqual([kind, own[kind]]);
  }
});

test("every dependency is in it at a version that is asked for, those of other platforms too", () => {
  const wrong = Object.entries(packages).flatMap(([place, { dependencies, optionalDependencies }]) =>
    Object.entries({ ...dependencies, ...optionalDependencies }).flatMap(([name, range]) => {
      const version = resolved(place, name)?.version;
      const fits = version !== undefined && (semver.validRange(range) === null || semver.satisfies(version, range));
      return fits ? [] : [`${place || "plinth"} wants ${name}@${range}, the lock has ${version ?? "none"}`];
    }),
  );
  expect(wrong).toEqual([]);
});

test("what is installed everywhere is pinned to its content", () => {
  const loose = Object.entries(packages).filter(
    ([place, { integrity, optional }]) => place !== "" && optional !== true && integrity === undefined,
  );
  expect(loose).toEqual([]);
});
