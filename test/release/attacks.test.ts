/** The attacks that TUF's specification names, each against a site that looks for an update. All fail closed. */
import fs, { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import path from "node:path";
import { Metadata, MetadataKind } from "@tufjs/models";
import { TrustedMetadataStore } from "tuf-js/dist/store";
import { publicKeys, signingKeys } from "../../cli/licence/keys";
import { newestRelease } from "../../cli/release/client";
import { metaFile, misspelt, ROLES, sha256, signedBytes } from "../../cli/release/metadata";
import { publishRepository } from "../../cli/release/publish";
import { roleFolder } from "../../cli/release/repository";
import { canonicalJson } from "../../components/licensing/canonical";
import { keyId } from "../../components/licensing/keys";
import { manifest, newWorld, type World } from "./world";

// Every look reads and writes a dozen files, and this computer may be busy.
jest.setTimeout(120_000);

let world: World;
beforeEach(async () => {
  world = await newWorld();
});
afterEach(() => world.end());

const at = (name: string) => path.join(world.repository, "metadata", name);
const day = (days: number) => new Date(Date.now() + days * 86_400_000);
const read = (file: string) => JSON.parse(readFileSync(file, "utf8"));

test("an honest repository is believed, again and again, from a folder and from a web server", async () => {
  expect((await world.look()).version).toBe("0.2.0");
  expect((await world.look()).version).toBe("0.2.0");
  await world.sign("0.3.0");
  expect((await world.look()).version).toBe("0.3.0");
  await served(serveFolder, async (url) => expect((await world.look(url)).version).toBe("0.3.0"));
});

test("arbitrary software installation: a release that nobody signed", async () => {
  const [file = ""] = [...world.keep().keys()].filter((name) => name.endsWith(".release.json"));
  writeFileSync(file, readFileSync(file, "utf8").replace("v1.13.9", "v1.13.8"));
  await expect(world.look()).rejects.toThrow(/There is no update:\n.*it is not believed/);
});

test("rollback: an older state after a newer one was seen", async () => {
  const old = world.keep();
  await world.sign("0.3.0");
  await world.look();
  world.serve(old);
  await expect(world.look()).rejects.toThrow(/not believed.*less than current version/);
});

test("indefinite freeze: the same state for longer than it was signed for", async () => {
  await world.sign(undefined, day(-31));
  await expect(world.look()).rejects.toThrow(/not believed: .*timestamp.json is expired/);
});

test("mix-and-match: files of two states that were each signed", async () => {
  const old = world.keep();
  await world.sign("0.3.0");
  writeFileSync(at("2.snapshot.json"), old.get(at("1.snapshot.json")) ?? "");
  await expect(world.look()).rejects.toThrow(/not believed/);
});

test("mix-and-match: a targets file of another state under the right name", async () => {
  const old = world.keep();
  await world.sign("0.3.0");
  writeFileSync(at("2.targets.json"), old.get(at("1.targets.json")) ?? "");
  await expect(world.look()).rejects.toThrow(/not believed/);
});

test("wrong software installation: a channel without a release is not another one's", async () => {
  const targets = Metadata.fromJSON(MetadataKind.Targets, read(at("1.targets.json")));
  expect(Object.keys(targets.signed.targets)).toEqual(["stable/release.json"]);
  await expect(
    newestRelease(
      { from: world.repository, root: at("1.root.json"), memory: path.join(world.folder, "memory") },
      "edge",
    ),
  ).rejects.toThrow(/the channel edge has no release/);
});

test("wrong software installation: another channel's release in the place of this one's", async () => {
  const edge = Buffer.from(canonicalJson({ ...manifest("0.3.0"), channel: "edge" }));
  const hash = sha256(edge);
  writeFileSync(path.join(world.repository, "targets/stable", `${hash}.release.json`), edge);
  // Signed by whoever has the key of targets, and put on the right shelf by the others.
  const targets = read(at("1.targets.json"));
  targets.signed.targets = { "stable/release.json": { length: edge.length, hashes: { sha256: hash } } };
  const keys = await signingKeys(roleFolder(world.folder, "targets"), world.seal);
  const swapped = Metadata.fromJSON(MetadataKind.Targets, { ...targets, signatures: [] });
  writeFileSync(at("1.targets.json"), await signedBytes(swapped, keys));
  await world.sign();
  await expect(world.look()).rejects.toThrow(/not believed: the release is of the channel edge/);
});

test("endless data: a file that never ends", async () => {
  const endless: RequestListener = (request, response) => {
    if (request.url?.endsWith("timestamp.json") !== true) return serveFolder(request, response);
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
    };
    response.on("drain", more);
    more();
  };
  await served(endless, async (url) => {
    await expect(world.look(url)).rejects.toThrow(/not believed: .*[Mm]ax length reached/);
  });
});

test("slow retrieval: a server that never finishes", async () => {
  const slow: RequestListener = (request, response) => {
    if (request.url?.endsWith("timestamp.json") !== true) return serveFolder(request, response);
    response.write("{");
  };
  await served(slow, async (url) => {
    await expect(world.look(url)).rejects.toThrow(/cannot be read: .*timeout/);
  });
});

test("fast-forward: a stolen timestamp key cannot make a release, and ends with a new root", async () => {
  await world.look();
  const stolen = await signingKeys(roleFolder(world.folder, "timestamp"), world.seal);
  // What a thief can do: fast-forward. A version that no honest timestamp reaches.
  const timestamp = Metadata.fromJSON(MetadataKind.Timestamp, read(at("timestamp.json")));
  const ahead = read(at("timestamp.json"));
  ahead.signed.version = 2 ** 31;
  const forged = Metadata.fromJSON(MetadataKind.Timestamp, { ...ahead, signatures: [] });
  writeFileSync(at("timestamp.json"), await signedBytes(forged, stolen));
  expect((await world.look()).version).toBe("0.2.0");
  writeFileSync(at("timestamp.json"), canonicalJson(timestamp.toJSON()));
  await expect(world.look()).rejects.toThrow(/less than current version/);
  // Recovery from fast-forward: a new key under a new root, and the site forgets what the stolen one signed.
  await world.replaceKey("timestamp");
  await world.sign("0.3.0");
  expect(existsSync(at("2.root.json"))).toBe(true);
  expect((await world.look()).version).toBe("0.3.0");
});

test("key compromise: the keys of timestamp and snapshot together make no release", async () => {
  await world.look();
  const forge = async <K extends "targets" | "snapshot" | "timestamp">(
    kind: MetadataKind,
    file: string,
    role: K,
    change: (signed: Record<string, unknown>) => void,
  ) => {
    const whole = read(at(file));
    change(whole.signed);
    // The one key that the thief has not is that of targets.
    const stolen = role === "targets" ? "snapshot" : role;
    const keys = await signingKeys(roleFolder(world.folder, stolen), world.seal);
    return signedBytes(Metadata.fromJSON(kind as MetadataKind.Targets, { ...whole, signatures: [] }), keys);
  };
  const targets = await forge(MetadataKind.Targets, "1.targets.json", "targets", (signed) => {
    signed.version = 2;
  });
  writeFileSync(at("2.targets.json"), targets);
  const snapshot = await forge(MetadataKind.Snapshot, "1.snapshot.json", "snapshot", (signed) => {
    Object.assign(signed, { version: 2, meta: { "targets.json": metaFile(2, targets).toJSON() } });
  });
  writeFileSync(at("2.snapshot.json"), snapshot);
  const timestamp = await forge(MetadataKind.Timestamp, "timestamp.json", "timestamp", (signed) => {
    Object.assign(signed, { version: 2, meta: { "snapshot.json": metaFile(2, snapshot).toJSON() } });
  });
  writeFileSync(at("timestamp.json"), timestamp);
  await expect(world.look()).rejects.toThrow(/not believed: .*targets was signed by 0\/1 keys/);
});

test("key compromise: a root that the trusted one did not sign", async () => {
  await world.look();
  const thief = await newWorld();
  try {
    const root = read(path.join(thief.repository, "metadata", "1.root.json"));
    root.signed.version = 2;
    const forged = Metadata.fromJSON(MetadataKind.Root, { ...root, signatures: [] });
    const keys = await signingKeys(roleFolder(thief.folder, "root"), thief.seal);
    writeFileSync(at("2.root.json"), await signedBytes(forged, keys));
    await expect(world.look()).rejects.toThrow(/not believed: root was signed by 0\/1 keys/);
  } finally {
    thief.end();
  }
});

test("root keys rotate: the new one beside the old, then the old one goes", async () => {
  await world.replaceKey("root", () => world.sign());
  expect((await world.look()).version).toBe("0.2.0");
  expect(existsSync(at("3.root.json"))).toBe(true);
});

test("root keys rotate at once: the one that goes vouches for the one that comes", async () => {
  await world.replaceKey("root");
  expect((await world.look()).version).toBe("0.2.0");
  expect(existsSync(at("3.root.json"))).toBe(false);
  // What comes after needs the new one alone.
  const [gone = ""] = publicKeys(roleFolder(world.folder, "root")).flatMap(({ x, until }) => (until ? [keyId(x)] : []));
  rmSync(path.join(roleFolder(world.folder, "root"), `${gone}.age`));
  await world.replaceKey("timestamp");
  await world.sign("0.4.0");
  expect((await world.look()).version).toBe("0.4.0");
});

test("a root that no site could follow to is not written, and one that is there is named", async () => {
  const folder = roleFolder(world.folder, "root");
  const [old] = await signingKeys(folder, world.seal);
  const sealed = path.join(folder, `${old?.id}.age`);
  const kept = readFileSync(sealed);
  rmSync(sealed);
  await expect(world.replaceKey("root")).rejects.toThrow(
    /bring back a root key that was retired.*\n.*\.age: is missing/,
  );
  expect(existsSync(at("2.root.json"))).toBe(false);
  writeFileSync(sealed, kept);
  const root = read(at("1.root.json"));
  root.signed.version = 2;
  const forged = Metadata.fromJSON(MetadataKind.Root, { ...root, signatures: [] });
  writeFileSync(at("2.root.json"), await signedBytes(forged, await signingKeys(folder, world.seal)));
  await expect(world.sign()).rejects.toThrow(/2.root.json: no site would take it.*\(remove it, and sign again\)/);
  rmSync(at("2.root.json"));
  await world.sign("0.3.0");
  expect((await world.look()).version).toBe("0.3.0");
});

test("extraneous dependencies: a file more in the repository changes nothing", async () => {
  writeFileSync(at("9.targets.json"), "{}");
  writeFileSync(path.join(world.repository, "targets", "stable", "more.json"), "{}");
  expect((await world.look()).version).toBe("0.2.0");
});

test("malicious mirror: one that gives nothing stops updates and nothing else", async () => {
  await expect(world.look(path.join(world.folder, "nowhere"))).rejects.toThrow(
    /cannot be read: .* \(what runs goes on; try again later, or name another copy of it\)/,
  );
  await expect(world.look("http://127.0.0.1:1")).rejects.toThrow(/cannot be read/);
  expect((await world.look()).version).toBe("0.2.0");
});

test("published in an order that is good at every moment", async () => {
  const place = path.join(world.folder, "www");
  publishRepository(world.repository, place);
  expect((await world.look(place)).version).toBe("0.2.0");
  // As much as can change at once: every role's key goes, another one having been published beside it, and a release.
  const beside = async () => {
    await world.sign();
    publishRepository(world.repository, place);
  };
  await ROLES.reduce((between, role) => () => world.replaceKey(role, between), beside)();
  await world.sign("0.3.0");
  const moments: string[] = [];
  const rename = fs.renameSync;
  jest.spyOn(fs, "renameSync").mockImplementation((from, to) => {
    rename(from, to);
    moments.push(path.join(world.folder, `moment-${moments.length}`));
    fs.cpSync(place, moments.at(-1) ?? "", { recursive: true });
  });
  publishRepository(world.repository, place);
  jest.restoreAllMocks();
  expect(moments.length).toBeGreaterThan(6);
  const seen: string[] = [];
  for (const moment of moments) seen.push((await world.look(moment)).version);
  expect([...new Set(seen)]).toEqual(["0.2.0", "0.3.0"]);
});

test("a memory that is not whole is named, and not the vendor's copy", async () => {
  await world.look();
  const memory = path.join(world.folder, "memory");
  const [seen = ""] = readdirSync(memory);
  for (const name of ["root.json", "timestamp.json"]) {
    const file = path.join(memory, seen, name);
    for (const torn of [Buffer.alloc(0), readFileSync(file).subarray(0, 50)]) {
      writeFileSync(file, torn);
      await expect(world.look()).rejects.toThrow(
        new RegExp(`There is nothing to trust:\n.*memory.*${name}: it is not JSON \\(remove it`),
      );
    }
    rmSync(file);
    expect((await world.look()).version).toBe("0.2.0");
  }
  const place = { from: world.repository, root: path.join(world.folder, "empty"), memory };
  writeFileSync(place.root, "");
  await expect(newestRelease(place, "stable")).rejects.toThrow(/empty: it is no root.json \(name the root.json that/);
});

test("every single altered bit of the metadata and of a release is refused", async () => {
  const files = world.keep();
  const bytes = (name: string) => files.get(at(name)) ?? Buffer.alloc(0);
  const [release = Buffer.alloc(0)] = [...files].flatMap(([name, data]) =>
    name.endsWith(".release.json") ? data : [],
  );
  const root = Metadata.fromJSON(MetadataKind.Root, JSON.parse(bytes("1.root.json").toString()));
  const rootKeys = await signingKeys(roleFolder(world.folder, "root"), world.seal);
  const second = JSON.parse(bytes("1.root.json").toString());
  second.signed.version = 2;
  const nextRoot = await signedBytes(Metadata.fromJSON(MetadataKind.Root, { ...second, signatures: [] }), rootKeys);
  const trusted = (...done: (keyof typeof steps)[]) => {
    const store = new TrustedMetadataStore(Buffer.from(canonicalJson(root.toJSON())));
    for (const step of done) steps[step].give(store, steps[step].bytes);
    return store;
  };
  const steps = {
    root: { bytes: nextRoot, before: [], give: (s: TrustedMetadataStore, b: Buffer) => void s.updateRoot(b) },
    timestamp: {
      bytes: bytes("timestamp.json"),
      before: [],
      give: (s: TrustedMetadataStore, b: Buffer) => void s.updateTimestamp(b),
    },
    snapshot: {
      bytes: bytes("1.snapshot.json"),
      before: ["timestamp"],
      give: (s: TrustedMetadataStore, b: Buffer) => void s.updateSnapshot(b),
    },
    targets: {
      bytes: bytes("1.targets.json"),
      before: ["timestamp", "snapshot"],
      give: (s: TrustedMetadataStore, b: Buffer) => s.updateDelegatedTargets(b, "targets", "root"),
    },
  } as const;
  const taken: string[] = [];
  for (const [name, { bytes: whole, before, give }] of Object.entries(steps)) {
    const believed = (data: Buffer) => {
      try {
        if (misspelt(data) !== undefined) return false;
        give(trusted(...before), data);
        return true;
      } catch {
        return false;
      }
    };
    expect([name, believed(whole)]).toEqual([name, true]);
    for (const [bit, altered] of everyBit(whole)) if (believed(altered)) taken.push(`${name}, bit ${bit}`);
  }
  const listed = metaFile(1, release);
  for (const [bit, altered] of everyBit(release)) {
    try {
      listed.verify(altered);
      taken.push(`release, bit ${bit}`);
    } catch {
      // As it should be.
    }
  }
  expect(() => listed.verify(release)).not.toThrow();
  expect(taken).toEqual([]);
});

function* everyBit(whole: Buffer): Generator<[number, Buffer]> {
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const altered = Buffer.from(whole);
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield [bit, altered];
  }
}

const serveFolder: RequestListener = (request, response) => {
  const file = path.join(world.repository, decodeURIComponent(request.url ?? ""));
  if (!existsSync(file)) response.writeHead(404).end();
  else response.end(readFileSync(file));
};

async function served(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const address = server.address();
    await use(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}
