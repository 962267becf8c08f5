import { readFileSync } from "node:fs";
import path from "node:path";
import { checkSchematic } from "../../components/boot/schematic";
import { loadExtensions, loadProfile, profileNames } from "../../components/hardware/profile";
import { checkSite } from "../../components/site/parse";
import { dataSchemas } from "../../components/site/schema";
import { ROOT, siteFile } from "../support/site";

const profiles = profileNames().map((name) => [name, loadProfile(name)] as const);

test.each(profiles)("%s can be made into an image", (_, profile) => {
  const every = [profile, ...profile.nics];
  const schematic = {
    extensions: every.flatMap(({ extensions }) => extensions),
    kernelArgs: every.flatMap(({ kernelArgs }) => kernelArgs),
    ...(profile.overlay !== undefined && { overlay: profile.overlay }),
  };
  expect(checkSchematic(schematic, "profile")).toEqual([]);
});

test("two servers are certified, and every architecture has a profile for anything else", () => {
  const certified = profiles.filter(([, { certified }]) => certified).map(([name]) => name);
  expect(certified).toEqual(["dell-poweredge-r660", "hpe-proliant-dl360-gen11"]);
  for (const arch of ["amd64", "arm64"]) expect(loadProfile(`generic-${arch}`).arch).toBe(arch);
});

test("the catalogue tells what each extension needs", () => {
  const catalogue = loadExtensions();
  for (const name of ["zfs", "nfs-utils", "gvisor", "tailscale", "iscsi-tools"]) {
    expect(catalogue[`siderolabs/${name}`]?.for).not.toBe("");
  }
  expect(catalogue["siderolabs/gvisor"]?.manifests[0]).toMatchObject({ kind: "RuntimeClass", handler: "runsc" });
});

test("the schemas in the checkout are those of the code", () => {
  for (const [name, text] of Object.entries(dataSchemas())) {
    expect(readFileSync(path.join(ROOT, "schema", `${name}.schema.json`), "utf8")).toBe(text);
  }
});

test("a site file is refused whose image lacks what a machine's hardware needs", () => {
  const site = siteFile();
  const [key = ""] = Object.keys(site.machines);
  Object.assign(site.machines[key] ?? {}, { hardware: "raspberry-pi-4" });
  expect(checkSite(site).problems.map(({ path, reason }) => `${path}: ${reason}`)).toEqual([
    `talos.kernelArgs: console=ttyAMA0,115200 is missing for ${key}, a Raspberry Pi 4 and Compute Module 4`,
    `machines.${key}.hardware: a Raspberry Pi 4 and Compute Module 4 is arm64, not amd64`,
  ]);
});
