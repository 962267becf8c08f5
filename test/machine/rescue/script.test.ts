/** The script that writes Talos from a rescue system, run for real: files are disks, a server on loopback has the image. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { type DiskImage, rescueScript } from "../../../components/machine/rescue/index";
import { type FakeDisk, ImageServer, RescueMachine, smallImage } from "./machine";

jest.setTimeout(120_000);

const raw = smallImage();
const packed = execFileSync("xz", ["--stdout", "--check=crc64"], { input: raw, maxBuffer: 2 ** 26 });
const sha256 = (file: Buffer) => createHash("sha256").update(file).digest("hex");

let machine: RescueMachine;
let server: ImageServer;
let url: string;

async function stand(disks: readonly FakeDisk[] = [{ name: "sda", serial: "S1" }]): Promise<void> {
  machine = new RescueMachine(disks);
  server = new ImageServer(packed);
  url = await server.listen();
}
afterEach(async () => {
  await server.close();
  await machine.remove();
});

const script = (more: Partial<DiskImage> = {}) => rescueScript({ url, disk: { serial: "S1" }, ...more });
const untouched = (name = "sda") => machine.bytes(name).every((byte) => byte === 0xa5);
const written = (name = "sda") => machine.bytes(name).subarray(0, raw.length).equals(raw);

test.each(["sh", "bash"])(
  "writes the image, looks at what it wrote, and restarts the machine once (%s)",
  async (shell) => {
    await stand();
    const { code, said } = await machine.run(script({ sha256: sha256(packed) }), shell);
    expect([code, said]).toEqual([0, expect.stringMatching(/^3145728 bytes are on \S+sda\n$/)]);
    expect(written()).toBe(true);
    // What lies behind the image is nobody's business.
    expect(
      machine
        .bytes("sda")
        .subarray(raw.length)
        .every((byte) => byte === 0xa5),
    ).toBe(true);
    expect(await machine.restarts(1)).toBe(1);
  },
);

test("a second run writes nothing and only restarts the machine", async () => {
  await stand();
  await machine.run(script());
  const { code, said } = await machine.run(script());
  expect([code, said]).toEqual([0, expect.stringMatching(/sda has the image already\n$/)]);
  expect(written()).toBe(true);
  expect(await machine.restarts(2)).toBe(2);
});

test("a download that breaks off is taken up where it ended", async () => {
  await stand();
  server.breaks = [1000, 5000];
  const { code, said } = await machine.run(script({ sha256: sha256(packed) }));
  expect([code, written()]).toEqual([0, true]);
  expect(said).toContain("bytes are on");
  expect(server.ranges).toEqual([undefined, "bytes=1000-", "bytes=6000-"]);
});

test("one that keeps breaking off leaves the disk as it was", async () => {
  await stand();
  server.breaks = [1, 1, 1, 1, 1];
  const { code, said } = await machine.run(script());
  expect([code, untouched()]).toEqual([1, true]);
  expect(said).toContain("did not come in five tries");
  expect(await machine.restarts(0)).toBe(0);
});

test("a factory that still builds the image is asked again", async () => {
  await stand();
  server.refusals = [503, 503];
  const { code } = await machine.run(script());
  expect([code, written()]).toEqual([0, true]);
});

test.each([
  ["another digest", { sha256: "0".repeat(64) }, undefined, "the digest of"],
  ["a damaged file", {}, () => Buffer.concat([packed.subarray(0, 5000), packed.subarray(5001)]), "is damaged"],
  ["a page that is no image", {}, () => Buffer.from("<html>sign in</html>".repeat(100)), "is no disk image"],
  ["an image that does not fit", { disk: { serial: "small" } }, undefined, "has 1048576 bytes, the image 3145728"],
  ["no such disk", { disk: { serial: "S9" } }, undefined, "no disk fits; there are: PATH="],
  ["a system that is not the rescue system", { hostname: "db-1" }, undefined, "this is rescue, not the rescue"],
] as const)("%s is refused, and nothing is written", async (_, more, file, reason) => {
  await stand([
    { name: "sda", serial: "S1" },
    { name: "sdb", serial: "small", bytes: 2 ** 20 },
  ]);
  if (file !== undefined) server.file = file();
  const { code, said } = await machine.run(script(more));
  expect([code, said]).toEqual([1, expect.stringMatching(/^(curl.*\n|xz.*\n)*nothing was written: /)]);
  expect(said).toContain(reason);
  expect([untouched("sda"), untouched("sdb"), await machine.restarts(0)]).toEqual([true, true, 0]);
});

describe("a disk that carries Talos with a configuration", () => {
  test("is not written", async () => {
    await stand();
    machine.label("sda", "STATE");
    const before = machine.bytes("sda");
    const { code, said } = await machine.run(script());
    expect([code, said]).toEqual([1, expect.stringContaining("raise the machine's generation")]);
    expect(machine.bytes("sda").equals(before)).toBe(true);
    expect(server.ranges).toEqual([]);
  });

  test("is written when the generation says that another machine stands there", async () => {
    await stand();
    machine.label("sda", "STATE");
    const { code } = await machine.run(script({ generation: 2 }));
    expect([code, written()]).toEqual([0, true]);
  });

  test("is no neighbour for another one: the machine would not know which is its own", async () => {
    await stand([
      { name: "sda", serial: "S1" },
      { name: "sdb", serial: "S2" },
    ]);
    machine.label("sdb", "STATE");
    const { code, said } = await machine.run(script({ generation: 2 }));
    expect([code, said]).toEqual([1, expect.stringMatching(/sdb carries Talos with a configuration as well.*wipe it/)]);
    expect(untouched("sda")).toBe(true);
  });
});

const RACK: readonly FakeDisk[] = [
  { name: "sda", serial: "C3", rotates: true, wwn: "0x5000c5001234", model: "WD Red's 4T", bytes: 6 * 2 ** 20 },
  { name: "nvme1", serial: "B2", transport: "nvme", wwn: "eui.0025AB", model: "SAMSUNG MZ" },
  { name: "nvme0", serial: "A1", transport: "nvme", model: "SAMSUNG MZ" },
];

test.each<[string, DiskImage["disk"], string]>([
  ["its serial number", { serial: "B2" }, "nvme1"],
  ["its world-wide id, as Talos writes it", { wwid: "naa.5000C5001234" }, "sda"],
  ["its world-wide id of NVMe", { wwid: "eui.0025ab" }, "nvme1"],
  ["its kind", { selector: { type: "hdd" } }, "sda"],
  ["its model, quotes and all", { selector: { model: "WD Red's *" } }, "sda"],
  ["its size", { selector: { size: "<= 7MB" } }, "sda"],
  ["what several have, then the first by serial number", { selector: { type: "nvme" } }, "nvme0"],
])("the disk is found by %s", async (_, disk, name) => {
  await stand(RACK);
  const { code, said } = await machine.run(script({ disk }));
  expect([code, said]).toEqual([0, expect.stringContaining("bytes are on")]);
  for (const each of RACK) expect([each.name, written(each.name)]).toEqual([each.name, each.name === name]);
});

test("a run that was killed while it wrote is made good by the next one", async () => {
  await stand();
  const half = Buffer.concat([raw.subarray(0, raw.length / 2), Buffer.alloc(raw.length / 2, 7)]);
  execFileSync("dd", [`of=${machine.disk("sda")}`, "conv=notrunc", "status=none"], { input: half });
  const { code, said } = await machine.run(script());
  expect([code, written(), said]).toEqual([0, true, expect.stringContaining("bytes are on")]);
});

test("two runs at once write one after the other", async () => {
  await stand();
  const both = await Promise.all([machine.run(script()), machine.run(script())]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(both.filter(({ said }) => said.includes("already"))).toHaveLength(1);
  expect(written()).toBe(true);
});
