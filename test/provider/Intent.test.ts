import { z } from "zod";
import type { IntentInputs } from "../../components/boot/BootIntent";
import { advance, type BootEvent, endBy, grant, type MachineBoot } from "../../components/boot/intent";
import { generateSigningKey, trustedKeys, verifyPermission } from "../../components/boot/permission";
import { formatProblem } from "../../components/problem";
import { NetBoxServer } from "../../lab/netbox/server";
import { intent } from "../../provider/boot/Intent";
import { realBootDrivers } from "../../provider/boot/real";
import { type BootServer, BootServerError, type MachinePermission } from "../../provider/boot/server";
import { NetBox } from "../../provider/netbox/client";
import { registerPort } from "../../provider/netbox/devices";
import { initNetBox } from "../../provider/netbox/setup";
import { permission } from "../boot/support";
import { conformance } from "./conformance";
import { listen } from "./context";
import { Recorder } from "./faults";

const pair = generateSigningKey();
const SECRET = "machine-token-not-to-be-seen";

/** A boot server in memory, by the same rules. */
class World {
  readonly recorder = new Recorder(({ name }) => new BootServerError("unknown", `${name} failed`));
  readonly records = new Map<string, MachineBoot>();
  session = "session-1";
  configuration: string | undefined;

  readonly server: BootServer = this.recorder.wrap<BootServer>(
    {
      about: async () => ({ session: this.session, configurationUrl: "https://boot.example.org:8443" }),
      machine: async (mac) => this.tell(mac),
      machines: async () => [],
      grant: async (token, configuration) => {
        const given = await verifyPermission(token, this.session, await trustedKeys(pair.publicKey));
        const { problems, event } = grant(this.records.get(given.mac), given, Date.now());
        if (problems.length > 0) throw new BootServerError("refused", problems.map(formatProblem).join());
        this.apply(given.mac, event);
        this.configuration = configuration;
        const told = this.tell(given.mac);
        if (told === undefined) throw new Error("unreachable");
        return told;
      },
      revoke: async (mac) => {
        this.apply(mac, endBy(this.records.get(mac), "revoked"));
        return this.tell(mac);
      },
    },
    new Set(["grant", "revoke"]),
  );

  readonly resource = intent({
    server: () => this.server,
    signingKey: () => pair.privateKey,
    devices: realBootDrivers.devices,
    now: Date.now,
  });

  apply(mac: string, event: BootEvent | undefined): void {
    const record = event && advance(this.records.get(mac), event);
    if (record) this.records.set(mac, record);
  }

  snapshot(): unknown {
    return [...this.records.keys()].map((mac) => ({ ...this.tell(mac), expires: 0 }));
  }

  private tell(mac: string): MachinePermission | undefined {
    const record = this.records.get(mac);
    if (record === undefined) return undefined;
    const { uuid, action, generation, expires } = record.permission;
    return { mac, uuid, action, generation, expires, phase: record.phase, ...(record.end && { end: record.end }) };
  }
}

const { mac, uuid, image } = permission();
const inputs: IntentInputs = {
  machine: "cp-1",
  ...{ mac, uuid, image },
  action: "install",
  generation: 1,
  configuration: SECRET,
};

conformance("Intent", {
  make: () => new World(),
  inputs,
  changed: { ...inputs, generation: 2 },
  bad: {
    inputs: {
      ...inputs,
      image: { ...image, args: ["talos.experimental.wipe=system"] },
      action: "wipe",
      minutes: 90,
    },
    paths: ["image.args", "minutes", "configuration"],
  },
  secrets: [SECRET, pair.privateKey.split("\n")[1] ?? ""],
  privileged: ["grant"],
});

describe("Intent", () => {
  const { configuration: _, ...plain } = inputs;
  const made = async (given: IntentInputs = plain) => {
    const world = new World();
    const { outputs, id } = await world.resource.create(given, listen().context);
    return { world, id, state: { inputs: given, outputs } };
  };

  test("says what was accepted, and what became of it after a refresh", async () => {
    const { world, id, state } = await made();
    expect(state.outputs).toEqual({ accepted: 1, phase: "granted", end: "" });
    world.apply(mac, { kind: "asked", mac });
    world.apply(mac, endBy(world.records.get(mac), "proof"));
    const read = await world.resource.read(id, state, listen().context);
    expect(read?.outputs).toEqual({ accepted: 1, phase: "ended", end: "proof" });
    expect(await world.resource.diff(read ?? state, plain, listen().context)).toEqual([]);
  });

  test("the enrolment is the same however often it is asked for, another for each generation, and kept secret", async () => {
    const given = { ...inputs, enrol: true };
    const { world, id, state } = await made(given);
    expect(state.outputs.enrolment).toMatch(
      /^talos\.config=https:\/\/boot\.example\.org:8443\/enrol\/[0-9a-f]{64}\?uuid=\$\{uuid\}$/,
    );
    expect((await world.resource.create(given, listen().context)).outputs).toEqual(state.outputs);
    expect((await world.resource.read(id, state, listen().context))?.outputs).toEqual(state.outputs);
    const next = await world.resource.update(id, state, { ...given, generation: 2 }, listen().context);
    expect(next.outputs.enrolment).not.toBe(state.outputs.enrolment);
    expect(world.resource.secrets).toContain("enrolment");
    const { configuration: __, ...bare } = given;
    expect(await world.resource.check(bare, listen().context)).toEqual([expect.objectContaining({ path: "enrol" })]);
  });

  test("local takes back what is open", async () => {
    const { world, id, state } = await made();
    const { outputs } = await world.resource.update(id, state, { ...plain, action: "local" }, listen().context);
    expect(outputs).toEqual({ accepted: 1, phase: "ended", end: "revoked" });
  });

  test("a boot server that lost its records gets an installation again, and never a wipe", async () => {
    for (const [action, again] of [
      ["install", 1],
      ["wipe", 0],
    ] as const) {
      const { world, id, state } = await made({ ...plain, action });
      world.records.clear();
      world.session = "session-2";
      const heard = listen();
      const read = await world.resource.read(id, state, heard.context);
      expect([read?.outputs.phase, heard.lines.join()]).toEqual([
        "forgotten",
        expect.stringContaining("lost its records"),
      ]);
      const changes = await world.resource.diff(read ?? state, state.inputs, listen().context);
      expect(changes).toHaveLength(again);
      await world.resource.update(id, read ?? state, state.inputs, listen().context);
      expect(world.records.size).toBe(again);
    }
  });

  test("what it asks for after a loss says so, and the next generation is new again", async () => {
    const { world, id, state } = await made();
    const kept = () => world.records.get(mac)?.permission;
    expect(kept()?.reissued).toBeUndefined();
    world.records.clear();
    // Not every update comes after a refresh.
    await world.resource.update(id, state, { ...plain, minutes: 30 }, listen().context);
    expect(kept()).toMatchObject({ generation: 1, reissued: true });
    world.records.clear();
    const read = await world.resource.read(id, state, listen().context);
    const { outputs } = await world.resource.update(id, read ?? state, plain, listen().context);
    expect(kept()).toMatchObject({ generation: 1, reissued: true });
    await world.resource.update(id, { inputs: plain, outputs }, { ...plain, generation: 2 }, listen().context);
    expect(kept()).toMatchObject({ generation: 2 });
    expect(kept()?.reissued).toBeUndefined();
  });

  test("another configuration waits for the next generation without a word", async () => {
    const { world, state } = await made(inputs);
    const other = { ...inputs, configuration: "another" };
    expect(await world.resource.diff(state, other, listen().context)).toEqual([]);
    const next = await world.resource.diff(state, { ...other, generation: 2 }, listen().context);
    expect(next.map(({ path }) => path)).toEqual(expect.arrayContaining(["configuration", "generation"]));
  });

  test.each([
    ["another action", { action: "wipe" as const }, /1 was used already, and action changes \(write 2\)/],
    ["another machine's UUID", { uuid: uuid.replace("4", "5") }, /1 was used already, and uuid changes/],
  ])("%s without a higher generation is refused at preview", async (_, over, sentence) => {
    const { world, state } = await made();
    expect(() => world.resource.diff(state, { ...plain, ...over }, listen().context)).toThrow(sentence);
  });

  test("another MAC address is another machine", async () => {
    const { world, state } = await made();
    expect(await world.resource.diff(state, { ...plain, mac: "52:54:00:00:00:02" }, listen().context)).toEqual([
      expect.objectContaining({ path: "mac", replace: expect.any(String) }),
    ]);
  });

  test("a MAC address that NetBox gives to another device is refused at preview", async () => {
    const token = "0123456789abcdef0123456789abcdef01234567";
    const server = new NetBoxServer({ tokens: [{ token, permissions: ["*"] }] });
    const url = await server.listen();
    const netbox = NetBox.connect({ url, token }, { signal: new AbortController().signal });
    try {
      await initNetBox(netbox, ["site"]);
      const kind = { type: "r660", role: "server" };
      const maker = { name: "m", slug: "m" };
      await netbox.post("dcim/manufacturers", maker, z.unknown());
      await netbox.post(
        "dcim/device-types",
        { model: "R660", slug: kind.type, manufacturer: { slug: maker.slug } },
        z.unknown(),
      );
      await netbox.post("dcim/device-roles", { name: "server", slug: kind.role }, z.unknown());
      await registerPort(netbox, { site: "site", kind }, { device: "cp-1", interface: "eno1", mac });
      const { resource } = new World();
      const found = async (over: Partial<IntentInputs>) => {
        const { context } = listen();
        const config = { netbox: { url, token } };
        return (await resource.check({ ...plain, ...over }, { ...context, config })).map(formatProblem).join();
      };
      expect(await found({ device: "cp-1" })).toBe("");
      expect(await found({ device: "cp-2" })).toMatch(/belongs to cp-1 in NetBox, not to cp-2/);
      expect(await found({ device: "cp-1", mac: "52:54:00:00:00:09" })).toMatch(/no device of NetBox has/);
    } finally {
      netbox.close();
      await server.close();
    }
  });

  test("a generation that another stack has used is refused with the next one", async () => {
    const { world } = await made({ ...plain, generation: 7 });
    await expect(world.resource.create(plain, listen().context)).rejects.toThrow(/1 is not above 7.*write 8/s);
  });
});
