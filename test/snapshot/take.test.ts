/** A snapshot of a real etcd, judged by the real etcdutl, on its way into a store. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Decrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { manifestSchema } from "../../components/backup/snapshot";
import type { Backup } from "../../components/backup/spec";
import { earlierSnapshot } from "../../provider/snapshot/earlier";
import { checkStore, mountHost } from "../../provider/snapshot/preflight";
import { takeSnapshot } from "../../provider/snapshot/take";
import { type FakeCluster, SECRET } from "../provider/cluster";
import { listen } from "../provider/context";
import { machines, site } from "../provider/release";
import { etcdTools, RealEtcd } from "./etcd";
import { S3Server } from "./s3";

// The first run may have to build the tools.
jest.setTimeout(600_000);

const keys = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "c2VjcmV0LWtleS1vZi1hLWJ1Y2tldA" };
const root = mkdtempSync(join(tmpdir(), "plinth-take-"));
let snapshots: readonly Buffer[];
let identity: string;
let backup: Backup;
let cluster: FakeCluster;
let place: string;
let number = 0;

beforeAll(async () => {
  const { etcd, etcdutl } = await etcdTools();
  process.env.PLINTH_ETCDUTL = etcdutl;
  const running = await RealEtcd.start(etcd);
  try {
    await running.put("/registry/secrets/default/one", "a secret of the cluster");
    const older = await running.snapshot();
    await running.put("/registry/secrets/default/two", "another secret of the cluster");
    snapshots = [older, await running.snapshot()];
  } finally {
    await running.stop();
  }
  identity = await generateIdentity();
});
beforeEach(async () => {
  place = join(root, `store-${++number}`);
  backup = { store: { path: place }, recipients: [await identityToRecipient(identity)], keep: 2 };
  cluster = machines(site());
  cluster.etcdBytes = snapshots[0] ?? Buffer.alloc(0);
});
afterAll(() => {
  delete process.env.PLINTH_ETCDUTL;
  rmSync(root, { recursive: true, force: true });
});

const node = "10.0.0.11";
const talos = () => cluster.drivers.talos(site().clientConfiguration, (text) => text);
const take = (more: object = {}, heard = listen([SECRET])) =>
  takeSnapshot({ node, backup, ...more }, talos(), heard.context);

/** Time that takes snapshots apart, as names count in seconds. */
function clock(): jest.SpyInstance {
  let now = Date.now();
  return jest.spyOn(Date.prototype, "toISOString").mockImplementation(function (this: Date) {
    now += 1000;
    return new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "medium", timeZone: "UTC" })
      .format(now)
      .replace(" ", "T")
      .concat(".000Z");
  });
}

test("is verified, encrypted to every recipient, written with its manifest, and opens to the very bytes", async () => {
  const other = await generateIdentity();
  backup = { ...backup, recipients: [...backup.recipients, await identityToRecipient(other)] };
  const heard = listen([SECRET]);
  const taken = await take({}, heard);
  const files = readdirSync(place).sort();
  expect(files).toEqual([`${taken.name}.etcd.age`, `${taken.name}.etcd.age.json`]);
  const file = readFileSync(join(place, files[0] ?? ""));
  for (const key of [identity, other]) {
    const decrypter = new Decrypter();
    decrypter.addIdentity(key);
    expect(Buffer.from(await decrypter.decrypt(file)).equals(cluster.etcdBytes)).toBe(true);
  }
  const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(place, files[1] ?? ""), "utf8")));
  expect(manifest).toMatchObject({ cluster: { id: "demo-id" }, node, revision: 3, keys: 2, talos: "v1.13.0" });
  expect(manifest.members.map(({ name }) => name)).toEqual(["cp-1", "cp-2", "cp-3"]);
  expect(taken).toMatchObject({ revision: 3, hash: manifest.hash, bytes: file.length, store: place });
  expect(heard.acts).toMatchObject([{ act: "snapshot" }]);
  expect(readFileSync(join(place, files[1] ?? ""), "utf8")).not.toContain(SECRET);
});

test("goes into a bucket as into a folder", async () => {
  const server = await new S3Server("backups", keys).start();
  try {
    backup = { ...backup, store: { s3: { bucket: "backups", prefix: "home", endpoint: server.endpoint } } };
    const heard = listen();
    const context = { ...heard.context, config: { s3: keys } };
    const taken = await takeSnapshot({ node, backup }, talos(), context);
    expect([...server.objects.keys()].sort()).toEqual([
      `home/${taken.name}.etcd.age`,
      `home/${taken.name}.etcd.age.json`,
    ]);
    server.objects.clear();
    server.damages = true;
    await expect(takeSnapshot({ node, backup }, talos(), context)).rejects.toThrow("gives back another file");
    expect([...server.objects.keys()]).toEqual([]);
  } finally {
    await server.stop();
  }
});

describe("is refused, and leaves nothing in the store,", () => {
  const damaged = (change: (bytes: Buffer) => Buffer) => () => {
    cluster.etcdBytes = change(Buffer.from(cluster.etcdBytes));
  };
  test.each<[string, () => void, string]>([
    ["when it was cut off", damaged((bytes) => bytes.subarray(0, -512)), "does not match etcd's checksum"],
    ["when a bit of it is wrong", damaged((bytes) => bytes.fill(7, 9000, 9001)), "does not match etcd's checksum"],
    ["when it is empty", damaged(() => Buffer.alloc(0)), "the snapshot is damaged: it has 0 bytes"],
    [
      "when etcdutl cannot read it",
      damaged(() => {
        const { createHash } = jest.requireActual<typeof import("node:crypto")>("node:crypto");
        const junk = Buffer.alloc(8192, 1);
        return Buffer.concat([junk, createHash("sha256").update(junk).digest()]);
      }),
      "etcdutl: the snapshot is damaged",
    ],
    [
      "when its members change meanwhile",
      () => {
        cluster.onSnapshot = () => {
          cluster.ghost = true;
        };
      },
      "the members of etcd changed",
    ],
    [
      "when the node holds a damaged etcd",
      () => {
        cluster.statusErrors = ["alarm:CORRUPT"];
      },
      "take another node",
    ],
  ])("%s", async (_, prepare, reason) => {
    prepare();
    const before = readdirSync("/dev/shm")
      .concat(readdirSync(tmpdir()))
      .filter((name) => name.startsWith(".plinth"));
    await expect(take()).rejects.toThrow(reason);
    expect(() => readdirSync(place)).toThrow("ENOENT");
    const after = readdirSync("/dev/shm")
      .concat(readdirSync(tmpdir()))
      .filter((name) => name.startsWith(".plinth"));
    expect(after).toEqual(before);
  });

  test("with every reason at once when nobody could open it or nothing can hold it", async () => {
    backup = { store: { s3: { bucket: "backups" } }, recipients: [`age1${"q".repeat(58)}`], keep: 1 };
    const failure = await take().catch((error: Error) => error.message);
    expect(failure).toMatch(/AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY not set/);
    expect(failure).toMatch(/backup\.recipients\[0\]: age1q+ is not a public key/);
    expect(cluster.recorder.calls).toEqual([]);
  });

  test("when it is cancelled", async () => {
    const heard = listen();
    cluster.onSnapshot = () => heard.abort("the update was cancelled");
    await expect(take({}, heard)).rejects.toThrow("cancelled");
    expect(() => readdirSync(place)).toThrow("ENOENT");
  });
});

describe("old ones", () => {
  let time: jest.SpyInstance;
  beforeEach(() => {
    time = clock();
  });
  afterEach(() => time.mockRestore());
  const left = () =>
    readdirSync(place)
      .filter((file) => file.endsWith(".json"))
      .map((file) => file.slice(0, -14))
      .sort();

  test("go beyond keep, but none that a journal names, and none of another cluster", async () => {
    const foreign = join(place, "demo-0000.etcd.age.json");
    const [first, second] = [await take(), await take()];
    writeFileSync(foreign, readFileSync(join(place, `${first.name}.etcd.age.json`), "utf8").replace("demo-id", "else"));
    const named = new Set([second.name]);
    const [third, fourth, fifth] = [await take({ named }), await take({ named }), await take({ named })];
    expect(left()).toEqual(["demo-0000", second.name, fourth.name, fifth.name].sort());
    expect(left()).not.toContain(third.name);
    rmSync(foreign);
  });

  test("and what killed runs have left go, but nothing that may be at work", async () => {
    const first = await take();
    const orphan = (name: string) => join(place, `${name}.etcd.age`);
    const [old, young] = ["20260101T000000Z", "29991231T235959Z"].map((time) =>
      orphan(first.name.replace(/\d{8}T\d{6}Z/, time)),
    ) as [string, string];
    const [oldPart, youngPart] = [join(place, ".x.part"), join(place, ".y.part")] as const;
    for (const file of [old, young, oldPart, youngPart]) writeFileSync(file, "half");
    utimesSync(oldPart, 0, 0);
    const second = await take();
    expect(readdirSync(place).sort()).toEqual(
      [first, second]
        .flatMap(({ name }) => [`${name}.etcd.age`, `${name}.etcd.age.json`])
        .concat(basename(young), basename(youngPart))
        .sort(),
    );
  });

  test("that upgrades took are let go by upgrades alone, which know their journal", async () => {
    const before = { axis: "talos", from: "v1.13.0", to: "v1.13.9" } as const;
    const first = await take({ before });
    const own = [await take(), await take(), await take()];
    expect(left()).toEqual([first, ...own.slice(1)].map(({ name }) => name).sort());
    const later = [await take({ before }), await take({ before, named: new Set([first.name]) })];
    expect(left()).toEqual([first, ...own.slice(1), ...later].map(({ name }) => name).sort());
    const question = { node, backup, step: before };
    expect(await earlierSnapshot(question, talos(), listen().context)).toBe(first.name);
    const since = later[0]?.at ?? "";
    expect(await earlierSnapshot({ ...question, since }, talos(), listen().context)).toBe(later[0]?.name);
  });

  test("stay when the store does not let them go, with a word about it", async () => {
    const server = await new S3Server("backups", keys).start();
    try {
      backup = { ...backup, keep: 1, store: { s3: { bucket: "backups", endpoint: server.endpoint } } };
      const heard = listen();
      const context = { ...heard.context, config: { s3: keys } };
      await takeSnapshot({ node, backup }, talos(), context);
      server.retains = true;
      await takeSnapshot({ node, backup }, talos(), context);
      expect(server.objects.size).toBe(4);
      expect(heard.lines.join("\n")).toMatch(/old snapshots in s3:\/\/backups were not removed: .*AccessDenied/);
    } finally {
      await server.stop();
    }
  });
});

describe("before the first step", () => {
  const surroundings = { hosts: ["10.0.0.11", "cp-1"], networks: ["10.96.0.0/12"] };
  const check = (more: Partial<Backup> = {}) =>
    checkStore({ backup: { ...backup, ...more }, bytes: 1000, cluster: surroundings }, listen().context);

  test("nothing stands against a good store", async () => {
    expect(await check()).toEqual([]);
    expect(readdirSync(place)).toEqual([]);
  });

  test("a missing etcdutl is told with where it comes from", async () => {
    const good = process.env.PLINTH_ETCDUTL;
    process.env.PLINTH_ETCDUTL = join(root, "nowhere");
    const problems = await check();
    process.env.PLINTH_ETCDUTL = good;
    expect(problems).toMatchObject([{ reason: expect.stringContaining("install etcdutl and put it on PATH") }]);
  });

  test.each(["http://10.0.0.11:9000", "http://10.98.7.6", "http://minio.storage.svc", "http://CP-1:9000"])(
    "a store inside the cluster, %s, is refused and not touched",
    async (endpoint) => {
      const problems = await check({ store: { s3: { bucket: "backups", endpoint } } });
      expect(problems.map(({ path }) => path)).toContain("backup.store.s3.endpoint");
    },
  );

  test("a folder is known by the server it is mounted from", () => {
    const table = [
      "/dev/sda1 / ext4 rw 0 0",
      `10.0.0.11:/export ${root} nfs4 rw 0 0`,
      `//cp-1/share ${root}/smb cifs rw 0 0`,
      `[fd00::1]:/x ${root}/six nfs4 rw 0 0`,
    ].join("\n");
    expect(mountHost(join(root, "a"), table)).toBe("10.0.0.11");
    expect(mountHost(`${root}x`, table)).toBeUndefined();
    expect(mountHost("/usr", table)).toBeUndefined();
    const smb = mkdtempSync(join(root, "smb-"));
    expect(mountHost(smb, table.replace(`${root}/smb`, smb))).toBe("cp-1");
    expect(mountHost(smb, table.replace(`${root}/six`, smb))).toBe("fd00::1");
  });
});
