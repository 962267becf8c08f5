import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../components/discovery";
import {
  archiveName,
  chartPin,
  chartSource,
  imageReference,
  parseVersions,
  versions,
} from "../../components/release/versions";

const file = join(packageRoot, "components", "release", "versions.yaml");
const text = readFileSync(file, "utf8");
const renovate = JSON.parse(readFileSync(join(packageRoot, "renovate.json"), "utf8")) as {
  readonly customManagers: readonly { readonly managerFilePatterns: string[]; readonly matchStrings: string[] }[];
};

describe("versions.yaml", () => {
  test("pins every chart to one release, and no image to a floating tag", () => {
    const { charts, images } = versions();
    expect(Object.keys(charts).length).toBeGreaterThan(10);
    for (const name of Object.keys(images)) expect(imageReference(name)).toMatch(/:[^:]*\d/);
    const floating = text.replace("version: 4.15.1", "version: latest");
    expect(() => parseVersions(floating)).toThrow(/pinned to one release/);
    expect(() => parseVersions(text.replace("cilium:v1.20.2", "cilium:latest"))).toThrow(/floating/);
  });

  test("says of each operator-spawned image who spawns it", () => {
    const { charts, images } = versions();
    for (const { spawnedBy } of Object.values(images)) {
      if (spawnedBy !== undefined) expect(Object.keys(charts)).toContain(spawnedBy);
    }
  });

  test("names an image twice nowhere", () => {
    const all = Object.values(versions().charts).flatMap(({ images }) => images);
    expect(all).toEqual([...new Set(all)]);
  });
});

describe("Renovate", () => {
  const [manager] = renovate.customManagers;
  const found = [...text.matchAll(new RegExp(manager?.matchStrings[0] ?? "", "g"))].map(({ groups }) => ({
    ...groups,
  }));

  test("reads the file plinth reads", () => {
    const [pattern = ""] = manager?.managerFilePatterns ?? [];
    expect("components/release/versions.yaml").toMatch(new RegExp(pattern.replace(/^\/|\/$/g, "")));
  });

  test("sees the version of every entry, and nothing else", () => {
    const pinned = Object.values(versions()).flatMap((table) => Object.values(table).map(({ version }) => version));
    const seen = found.map(({ currentValue, currentDigest }) =>
      [currentValue, currentDigest].filter((part) => part !== undefined).join("@"),
    );
    expect(seen).toEqual(pinned);
    expect(text.match(/# renovate:/g)).toHaveLength(pinned.length);
    expect(text.match(/^ {4}version:/gm)).toHaveLength(pinned.length);
  });

  test("asks for each chart where plinth takes it from", () => {
    const sources = found.map(({ datasource, depName, registryUrl }) => ({ datasource, depName, registryUrl }));
    for (const [name, { repository }] of Object.entries(versions().charts)) {
      const expected = repository.startsWith("oci://")
        ? { datasource: "docker", depName: `${repository.slice("oci://".length)}/${name}`, registryUrl: undefined }
        : { datasource: "helm", depName: name, registryUrl: repository };
      expect(sources).toContainEqual(expected);
    }
    for (const { repository } of Object.values(versions().images)) {
      expect(sources).toContainEqual({ datasource: "docker", depName: repository, registryUrl: undefined });
    }
  });
});

describe("a chart comes from", () => {
  test("its repository, named apart from it", () => {
    expect(chartSource("cilium", chartPin("cilium"))).toEqual({
      chart: "cilium",
      repository: "https://helm.cilium.io",
    });
  });
  test("its registry, in one reference", () => {
    expect(chartSource("vault-operator", chartPin("vault-operator"))).toEqual({
      chart: "oci://ghcr.io/bank-vaults/helm-charts/vault-operator",
    });
  });
  test("a mirror, under its own name", () => {
    expect(chartSource("cilium", chartPin("cilium"), { registry: "oci://registry.local/charts/" })).toEqual({
      chart: "oci://registry.local/charts/cilium",
    });
  });
  test("a folder before all of them", () => {
    const mirror = { folder: "/srv/charts", registry: "oci://registry.local/charts" };
    const { version } = chartPin("cilium");
    expect(chartSource("cilium", chartPin("cilium"), mirror)).toEqual({
      chart: `/srv/charts/${archiveName("cilium", version)}`,
    });
  });
});
