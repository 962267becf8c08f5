import { checkSchematic, type Schematic, schematicId, schematicYaml } from "../../components/boot/schematic";

/** Ids the Image Factory itself gives for these schematics. */
const VECTORS: readonly { readonly schematic: Schematic; readonly id: string }[] = [
  { schematic: {}, id: "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba" },
  {
    schematic: { kernelArgs: ["noapic", "nolapic"] },
    id: "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c",
  },
  {
    schematic: { overlay: { image: "siderolabs/sbc-raspberrypi", name: "rpi_generic" } },
    id: "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9",
  },
  {
    schematic: { meta: { 10: "foo" } },
    id: "d308a2a5ee2277bed5fbaa104fcbc8d59122abfa737df987a95b4ca763459a7f",
  },
  {
    schematic: { secureBoot: { includeWellKnownCertificates: true } },
    id: "fa8e05f142a851d3ee568eb0a8e5841eaf6b0ebc8df9a63df16ac5ed2c04f3e6",
  },
  { schematic: { sectorSize: 4096 }, id: "92833e9ddd9bb9e11b2464fa5525429f01866306d52ebd882ee08d7918f6d1ea" },
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

/** As go-yaml writes it, which the factory uses. */
const WHOLE = `overlay:
    image: siderolabs/sbc-raspberrypi
    name: rpi_generic
    options:
        configTxt: |
            a=b

            c=d
        configTxtAppend: x
customization:
    embeddedMachineConfiguration: |-
        apiVersion: v1alpha1
        kind: HostnameConfig
        hostname: a
        ---
        machine:
          type: worker
    extraKernelArgs:
        - ip=10.0.0.5::10.0.0.1:255.255.255.0::eth0:off
        - console=ttyS0,115200n8
        - ip=[fd00::5]::[fd00::1]:64::eth0:off
        - -selinux
    meta:
        - key: 9
          value: _y
        - key: 10
          value: |
            a "b"
            c
    systemExtensions:
        officialExtensions:
            - siderolabs/zfs
    bootloader: sd-boot
    secureboot:
        enrollKeys: "off"
        includeWellKnownCertificates: true
    diskImage:
        sectorSize: 4096
`;

test("everything a schematic can hold is written as the factory writes it", () => {
  const schematic: Schematic = {
    overlay: {
      image: "siderolabs/sbc-raspberrypi",
      name: "rpi_generic",
      options: { configTxtAppend: "x", configTxt: "a=b\n\nc=d\n" },
    },
    embeddedConfig: "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a\n---\nmachine:\n  type: worker",
    kernelArgs: [
      "ip=10.0.0.5::10.0.0.1:255.255.255.0::eth0:off",
      "console=ttyS0,115200n8",
      "ip=[fd00::5]::[fd00::1]:64::eth0:off",
      "-selinux",
    ],
    meta: { 10: 'a "b"\nc\n', 9: "_y" },
    extensions: ["siderolabs/zfs"],
    bootloader: "sd-boot",
    secureBoot: { enrollKeys: "off", includeWellKnownCertificates: true },
    sectorSize: 4096,
  };
  expect(checkSchematic(schematic, "talos")).toEqual([]);
  expect(schematicYaml(schematic)).toBe(WHOLE);
});

test.each(["two words", " a\nb\n", "a \nb\n", "\na\n", "a\n\n", "a: \u2603\n", ""])(
  "the text %j is refused",
  (text) => {
    const found = checkSchematic({ meta: { 10: text, 256: "a" }, embeddedConfig: `${text}\n\n` }, "talos");
    expect(found.map(({ path }) => path)).toEqual(["talos.meta.10", "talos.meta", "talos.embeddedConfig"]);
  },
);

test("an overlay option whose place among others is uncertain is refused", () => {
  const overlay = { image: "a/b", name: "c", options: { a1: "x", no: "z" } };
  expect(checkSchematic({ overlay }, "talos").map(({ reason }) => reason)).toEqual([
    '"a1" cannot be encoded safely',
    expect.stringContaining('"no" cannot be written'),
  ]);
});
