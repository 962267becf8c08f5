import { checkHardware, type Declared } from "../../components/hardware/check";
import { type HardwareFacts, hardwareFacts } from "../../components/hardware/facts";
import { loadProfile } from "../../components/hardware/profile";

const GIB = 2 ** 30;
const R660 = loadProfile("dell-poweredge-r660");

/** A server as Talos tells of it. */
const told = {
  systeminformation: [
    {
      id: "systeminformation",
      spec: { manufacturer: "Dell Inc.", productName: "PowerEdge R660", uuid: "4C4C4544-0051-3010-8052-B4C04F4D3233" },
    },
  ],
  disks: [
    { id: "loop0", spec: { dev_path: "/dev/loop0", size: 1, readonly: true } },
    {
      id: "nvme0n1",
      spec: {
        dev_path: "/dev/nvme0n1",
        size: 960 * 1000 ** 3,
        model: "Dell NVMe",
        serial: "S1",
        wwid: "eui.1",
        transport: "nvme",
      },
    },
    {
      id: "sda",
      spec: {
        dev_path: "/dev/sda",
        size: 480 * GIB,
        model: "PERC H755 Front",
        wwid: "naa.6",
        transport: "sas",
        rotational: true,
      },
    },
  ],
  links: [
    { id: "lo", spec: { type: "loopback" } },
    { id: "bond0", spec: { type: "ether", kind: "bond", hardwareAddr: "b0:7b:25:00:00:01" } },
    {
      id: "eno12399np0",
      spec: {
        type: "ether",
        kind: "",
        permanentAddr: "B0:7B:25:00:00:01",
        driver: "bnxt_en",
        linkState: true,
        speedMbit: 25000,
      },
    },
    {
      id: "eno2",
      spec: { type: "ether", kind: "", permanentAddr: "b0:7b:25:00:00:02", driver: "tg3", speedMbit: 4294967295 },
    },
  ],
  memorymodules: [
    { id: "a", spec: { size: 32768 } },
    { id: "b", spec: { size: 32768 } },
  ],
  securitystate: [{ id: "securitystate", spec: { secureBoot: true } }],
};
const facts = hardwareFacts(told);
const declared: Declared = {
  mac: "b0:7b:25:00:00:01",
  disk: { serial: "S1" },
  uuid: "4c4c4544-0051-3010-8052-b4c04f4d3233",
  image: { extensions: ["siderolabs/intel-ucode"], kernelArgs: [] },
};
const lines = (over: Partial<Declared> = {}, more: Partial<HardwareFacts> = {}, profile = R660) =>
  checkHardware(profile, { ...facts, ...more }, { ...declared, ...over }).map(
    ({ path, reason, fix }) => `${path}: ${reason} (${fix})`,
  );

test("what Talos tells becomes facts: hardware alone, no loop device, no bond", () => {
  expect(facts).toMatchObject({ uuid: declared.uuid, memoryGiB: 64, secureBoot: true });
  expect(facts.disks.map(({ path }) => path)).toEqual(["/dev/nvme0n1", "/dev/sda"]);
  expect(facts.links.map(({ name, speedMbit }) => [name, speedMbit])).toEqual([
    ["eno12399np0", 25000],
    ["eno2", undefined],
  ]);
});

test("a machine that is what was declared has nothing to tell", () => {
  expect(lines()).toEqual([]);
});

test.each([
  [
    "another product",
    {},
    { product: "PowerEdge R650" },
    /^product: it is a Dell Inc\. PowerEdge R650, not a Dell PowerEdge R660/,
  ],
  ["another machine", { uuid: "4c4c4544-0000-3010-8052-b4c04f4d3233" }, {}, /^uuid: its SMBIOS UUID is/],
  ["a module that is not seated", {}, { memoryGiB: 16 }, /^memory: it has 16 GiB/],
  [
    "a RAID controller that hides the disks",
    { disk: { wwid: "naa.6" } },
    {},
    /^disk: \/dev\/sda \(PERC H755 Front\) is behind a PERC.*eHBA/,
  ],
  [
    "a disk that is not there",
    { disk: { serial: "S2" } },
    {},
    /^disk: no disk is the declared one; there are \/dev\/nvme0n1 \(Dell NVMe, serial S1, eui\.1\)/,
  ],
  [
    "two disks that match",
    { disk: { selector: { size: ">= 100GB" } } },
    {},
    /^disk: 2 disks match: \/dev\/nvme0n1.*\/dev\/sda.*\(single one out/,
  ],
  [
    "a MAC address nobody has",
    { mac: "b0:7b:25:00:00:09" },
    {},
    /^mac: no link has .*; there are eno12399np0 b0:7b:25:00:00:01/,
  ],
  ["a cable that is not plugged in", { mac: "b0:7b:25:00:00:02" }, {}, /^mac: eno2 has no carrier/],
  [
    "an image without microcode",
    { image: { extensions: [], kernelArgs: [] } },
    {},
    /^talos\.extensions: siderolabs\/intel-ucode is not part/,
  ],
] as [string, Partial<Declared>, Partial<HardwareFacts>, RegExp][])(
  "%s is told with what to change",
  (_, over, more, sentence) => {
    expect(lines(over, more)).toEqual([expect.stringMatching(sentence)]);
  },
);

test("a link below its speed is told", () => {
  const links = facts.links.map((link) => ({ ...link, speedMbit: 1000 }));
  expect(lines({}, { links })).toEqual([
    expect.stringMatching(/^mac: eno12399np0 runs at 1000 Mbit\/s; .* reaches 10000/),
  ]);
});

test.each([
  [{ type: "nvme" }, 1],
  [{ type: "hdd" }, 1],
  [{ type: "ssd" }, 1],
  [{ size: "<= 500GiB" }, 1],
  [{ size: "== 960GB" }, 1],
  [{ model: "*Front" }, 1],
  [{ model: "Dell *", size: ">= 1TB" }, 0],
] as const)("the selector %j finds %d of the disks", (selector, count) => {
  const none = lines({ disk: { selector } }, {}, { ...R660, storage: [] }).some((line) =>
    line.startsWith("disk: no disk"),
  );
  expect(none ? 0 : 1).toBe(count);
});
