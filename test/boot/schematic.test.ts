import { checkSchematic, installerImage, schematicId, schematicYaml } from "../../components/boot/schematic";

/** Ids the Image Factory itself gives for these schematics. */
const VECTORS = [
  { schematic: {}, id: "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba" },
  {
    schematic: { kernelArgs: ["noapic", "nolapic"] },
    id: "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c",
  },
  {
    schematic: { overlay: { image: "siderolabs/sbc-raspberrypi", name: "rpi_generic" } },
    id: "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9",
  },
];

test.each(VECTORS)("$id is computed offline", ({ schematic, id }) => {
  expect(schematicId(schematic)).toBe(id);
});

test("the order of extensions does not change the image", () => {
  const one = schematicId({ extensions: ["siderolabs/zfs", "siderolabs/gvisor"] });
  const other = schematicId({ extensions: ["siderolabs/gvisor", "siderolabs/zfs", "siderolabs/gvisor"] });
  expect(one).toBe(other);
  expect(schematicYaml({ kernelArgs: ["a=1"], extensions: ["siderolabs/zfs"] })).toBe(
    [
      "customization:",
      "    extraKernelArgs:",
      "        - a=1",
      "    systemExtensions:",
      "        officialExtensions:",
      "            - siderolabs/zfs",
      "",
    ].join("\n"),
  );
});

test("the order of kernel arguments does", () => {
  expect(schematicId({ kernelArgs: ["a", "b"] })).not.toBe(schematicId({ kernelArgs: ["b", "a"] }));
});

test.each(["yes", "a: b", "- x", "*a", "quoted value", "#c", "1", "a'b", ""])("%j is refused", (arg) => {
  expect(checkSchematic({ kernelArgs: [arg] }, "talos")).toEqual([
    expect.objectContaining({ path: "talos.kernelArgs[0]", reason: expect.stringContaining(`"${arg}"`) }),
  ]);
});

test("an installer names factory, schematic and version", () => {
  expect(installerImage("abc", "v1.13.0")).toBe("factory.talos.dev/metal-installer/abc:v1.13.0");
});
