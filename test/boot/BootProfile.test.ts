import { BootProfile, type BootProfileArgs } from "../../components/boot/BootProfile";
import { bootImage } from "../../components/boot/permission";
import { ProblemError } from "../../components/problem";
import { recordGraph } from "../support/graph";

const args: BootProfileArgs = {
  schematic: {
    overlay: { image: "siderolabs/sbc-raspberrypi", name: "rpi_generic" },
    kernelArgs: ["console=ttyAMA0,115200"],
  },
  version: "v1.13.0",
  arch: "arm64",
};

test("a boot profile knows its image and every file of it, and tells the factory of the schematic", async () => {
  const { resources, result } = await recordGraph(() => ({
    own: new BootProfile("pi", args),
    offline: new BootProfile("closed", { ...args, factory: "factory.local", files: "http://10.0.0.2:8080" }),
    refusal: refusalOf({ ...args, version: "1.99", schematic: { kernelArgs: ["two words"] } }),
  }));
  expect(resources.map(({ type, name, parent, inputs }) => [type, name, parent, Object.keys(inputs)])).toEqual([
    ["plinth:boot:BootProfile", "pi", "", ["arch", "schematic", "version"]],
    ["plinth:boot:BootProfile", "closed", "", ["arch", "schematic", "version"]],
    ["talos:imageFactory/schematic:Schematic", "pi-schematic", "pi", ["schematic"]],
  ]);
  const { own, offline, refusal } = result;
  expect(own.schematic).toBe(offline.schematic);
  expect(own.assets.installer).toBe(`factory.talos.dev/metal-installer/${own.schematic}:v1.13.0`);
  expect(own.image.args.slice(-2)).toEqual(["proc_mem.force_override=never", "console=ttyAMA0,115200"]);
  expect(offline.image.kernel).toBe(`http://10.0.0.2:8080/image/${own.schematic}/v1.13.0/kernel-arm64`);
  expect(bootImage.safeParse(own.image).success).toBe(true);
  expect(refusal).toMatch(/version: "1.99" is not a version[\s\S]*schematic\.kernelArgs\[0\]/);
});

function refusalOf(bad: BootProfileArgs): string {
  try {
    new BootProfile("bad", bad);
    return "";
  } catch (error) {
    if (error instanceof ProblemError) return error.message;
    throw error;
  }
}
