import { hardwareFacts } from "../../components/hardware/facts";
import type { MatchInputs } from "../../components/hardware/HardwareMatch";
import { hardwareMatch } from "../../provider/hardware/Match";
import type { Face } from "../../provider/talosctl/probe";
import { TalosError } from "../../provider/talosctl/talos";
import { conformance } from "./conformance";
import { listen } from "./context";
import { Recorder } from "./faults";

const MAC = "52:54:00:12:34:56";

/** A machine in memory. */
class World {
  readonly recorder = new Recorder(({ name }) => new TalosError("unreachable", "10.0.0.1", `${name} failed`));
  /** What it shows, one look after the other; the last one stays. */
  faces: Face[] = ["maintenance"];
  wwids = ["naa.1"];
  memoryMiB = 8192;

  readonly resource = hardwareMatch({
    ...this.recorder.wrap(
      {
        face: async () => (this.faces.length > 1 ? this.faces.shift() : this.faces[0]) ?? "absent",
        read: async () => this.facts(),
      },
      new Set(),
    ),
    pollMs: 1,
  });

  snapshot(): unknown {
    return [this.wwids, this.memoryMiB];
  }

  private facts() {
    return hardwareFacts({
      systeminformation: [
        { id: "s", spec: { manufacturer: "QEMU", productName: "VM", uuid: "4C4C4544-0000-3010-8052-B4C04F4D0001" } },
      ],
      disks: this.wwids.map((wwid, at) => ({
        id: `sd${at}`,
        spec: { dev_path: `/dev/sd${at}`, size: 64 * 2 ** 30, wwid, model: "disk", transport: "sata" },
      })),
      links: [{ id: "eth0", spec: { type: "ether", permanentAddr: MAC, linkState: true, speedMbit: 10_000 } }],
      memorymodules: [{ id: "m", spec: { size: this.memoryMiB } }],
    });
  }
}

const inputs: MatchInputs = {
  machine: "cp-1",
  address: "10.0.0.1",
  profile: "generic-amd64",
  declared: { mac: MAC, disk: { wwid: "naa.1" } },
};

conformance("Match", {
  make: () => new World(),
  inputs,
  changed: { ...inputs, generation: 2 },
  bad: {
    inputs: { ...inputs, profile: "toaster", address: "here", allow: ["colour"] },
    paths: ["profile", "address", "allow[0]"],
  },
  secrets: [],
  privileged: [],
});

describe("Match", () => {
  const create = (world: World, given = inputs) => world.resource.create(given, listen().context);

  test("waits for a machine that boots, and says which one it saw", async () => {
    const world = new World();
    world.faces = ["absent", "absent", "maintenance"];
    expect((await create(world)).outputs).toEqual({ uuid: "4c4c4544-0000-3010-8052-b4c04f4d0001", accepted: [] });
  });

  test("one that differs is not installed, and everything that differs is told with its name", async () => {
    const world = new World();
    world.wwids = ["naa.2"];
    world.memoryMiB = 1024;
    const refused = await create(world).catch((error: Error) => error.message);
    expect(refused).toContain("cp-1 is not what the site file says, and is not installed:");
    expect(refused).toContain("memory: it has 1 GiB of memory");
    expect(refused).toContain("disk: no disk is the declared one");
    expect(refused).toContain("allowHardware: [memory, disk]");
  });

  test("two disks that match a selector are refused", async () => {
    const world = new World();
    world.wwids = ["naa.1", "naa.2"];
    const given: MatchInputs = { ...inputs, declared: { mac: MAC, disk: { selector: { type: "ssd" } } } };
    await expect(create(world, given)).rejects.toThrow("2 disks match: /dev/sd0");
  });

  test("what is accepted by name is installed, and said", async () => {
    const world = new World();
    world.memoryMiB = 1024;
    const heard = listen();
    const { outputs } = await world.resource.create({ ...inputs, allow: ["memory"] }, heard.context);
    expect(outputs.accepted).toHaveLength(1);
    expect(heard.lines.join()).toContain("cp-1: accepted: memory: it has 1 GiB");
    await expect(create(world, { ...inputs, allow: ["disk"] })).rejects.toThrow("allowHardware: [memory]");
  });

  test("a machine that runs is left alone", async () => {
    const world = new World();
    world.faces = ["foreign"];
    world.wwids = [];
    expect((await create(world)).outputs).toEqual({ uuid: "", accepted: [] });
  });

  test("another machine under the key is compared anew", async () => {
    const world = new World();
    const { id, outputs } = await create(world);
    world.wwids = ["naa.9"];
    await expect(
      world.resource.update(id, { inputs, outputs }, { ...inputs, generation: 2 }, listen().context),
    ).rejects.toThrow("is not installed");
  });
});
