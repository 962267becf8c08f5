/** The two stores keep one contract; what only one of them can meet stands at the end. */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderStore } from "../../provider/snapshot/folder";
import { openStore } from "../../provider/snapshot/open";
import { s3Store } from "../../provider/snapshot/s3";
import type { Content, Store } from "../../provider/snapshot/store";
import { S3Server, signature } from "./s3";

const { signal } = new AbortController();
const keys = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "c2VjcmV0LWtleS1vZi1hLWJ1Y2tldA" };
const root = mkdtempSync(join(tmpdir(), "plinth-store-"));
let server: S3Server;

beforeEach(async () => {
  server = await new S3Server("backups", keys).start();
});
afterEach(() => server.stop());
afterAll(() => rmSync(root, { recursive: true, force: true }));

function content(text: string | Buffer): Content {
  const data = Buffer.from(text);
  const open = async function* () {
    yield data.subarray(0, 5);
    yield data.subarray(5);
  };
  return { bytes: data.length, sha256: createHash("sha256").update(data).digest("hex"), open };
}

async function read(store: Store, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await store.get(name, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const bucket = (more: object = {}) =>
  s3Store({ bucket: "backups", prefix: "sites/home", endpoint: server.endpoint, ...more }, keys);
const folder = (name = "snapshots") => folderStore(join(root, name));

describe.each([
  ["a folder", () => folder(`contract-${Date.now()}`)],
  ["a bucket", () => bucket()],
])("%s", (_, make) => {
  test("gives back what was put there, lists it by prefix in order, and lets it go", async () => {
    const store = make();
    expect(await store.list("", signal)).toEqual([]);
    for (const name of ["b-2", "a-1", "b-1", "b-3 x&y"]) await store.put(name, content(`this is ${name}`), signal);
    expect(await store.list("b-", signal)).toEqual(["b-1", "b-2", "b-3 x&y"]);
    expect(await read(store, "b-3 x&y")).toBe("this is b-3 x&y");
    await store.remove("b-1", signal);
    await store.remove("b-1", signal);
    expect(await store.list("", signal)).toEqual(["a-1", "b-2", "b-3 x&y"]);
  });

  test("never replaces a file, and says which is missing", async () => {
    const store = make();
    await store.put("a", content("the first"), signal);
    await expect(store.put("a", content("the second"), signal)).rejects.toThrow("a file");
    expect(await read(store, "a")).toBe("the first");
    await expect(read(store, "none")).rejects.toThrow("no such file");
  });

  test("leaves nothing behind when it is checked or interrupted", async () => {
    const store = make();
    expect(await store.check(1, signal)).toEqual([]);
    const cancel = new AbortController();
    const endless: Content = {
      ...content("x"),
      bytes: 1 << 20,
      async *open() {
        cancel.abort(new Error("cancelled"));
        yield Buffer.from("x");
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield Buffer.from("x");
      },
    };
    await expect(store.put("half", endless, cancel.signal)).rejects.toThrow("cancelled");
    expect(await store.list("", signal)).toEqual([]);
  });
});

describe("a folder", () => {
  test("is made private, and so is every file in it", async () => {
    await folder("private").put("a", content("private"), signal);
    expect(statSync(join(root, "private")).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, "private/a")).mode & 0o777).toBe(0o600);
  });

  test("takes the place of what a killed write left", async () => {
    const store = folder("killed");
    await store.put("other", content("other"), signal);
    writeFileSync(join(root, "killed/.a.part"), "half a sn");
    expect(await store.list("", signal)).toEqual(["other"]);
    await store.put("a", content("a whole one"), signal);
    expect(await read(store, "a")).toBe("a whole one");
    expect(readdirSync(join(root, "killed")).sort()).toEqual(["a", "other"]);
  });

  test("that is full is refused with what is free", async () => {
    const [problem] = await folder("full").check(2 ** 60, signal);
    expect(problem?.reason).toMatch(/full is full: \d+ MiB are free and a snapshot needs 1099511627776 MiB/);
  });

  test("that cannot be one is refused before anything is written", async () => {
    writeFileSync(join(root, "file"), "");
    expect(await folderStore(join(root, "file")).check(1, signal)).toMatchObject([{ path: "backup.store.path" }]);
    const [problem] = await folderStore("/proc/nowhere/else").check(1, signal);
    expect(problem?.reason).toBe("/proc/nowhere/else cannot be made: the folder above it is missing");
  });

  test("without write access is refused", async () => {
    const place = join(root, "locked");
    await folderStore(place).put("a", content("a"), signal);
    chmodSync(place, 0o500);
    const problems = await folderStore(place).check(1, signal);
    // Root may write anywhere; for anybody else the folder is shut.
    const expected =
      process.getuid?.() === 0 ? [] : [expect.objectContaining({ reason: `${place} may not be written` })];
    expect(problems).toEqual(expected);
    chmodSync(place, 0o700);
    expect(existsSync(join(place, ".plinth-probe"))).toBe(false);
  });
});

describe("a bucket", () => {
  test("is asked with signatures that follow AWS' published example", () => {
    const headers = {
      host: "examplebucket.s3.amazonaws.com",
      range: "bytes=0-9",
      "x-amz-content-sha256": createHash("sha256").digest("hex"),
      "x-amz-date": "20130524T000000Z",
      authorization:
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=",
    };
    expect(signature({ method: "GET", url: "/test.txt", headers }, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")).toBe(
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
  });

  test("holds everything below its prefix", async () => {
    await bucket().put("a", content("a"), signal);
    await bucket({ prefix: undefined }).put("top", content("top"), signal);
    expect([...server.objects.keys()]).toEqual(["sites/home/a", "top"]);
    expect(await bucket({ prefix: undefined }).list("", signal)).toEqual(["top"]);
  });

  test("is asked again when it is busy or a connection breaks, with the whole content", async () => {
    server.faults.push(503, "cut");
    await bucket().put("a", content("all of it"), signal);
    server.faults.push("cut");
    expect(await read(bucket(), "a")).toBe("all of it");
  });

  test.each([
    ["a wrong key", { accessKeyId: "AKIAOTHER" }, "the access key is not known there (403 InvalidAccessKeyId)"],
    [
      "a wrong secret",
      { secretAccessKey: "b3RoZXI" },
      "the secret key does not belong to the access key, or the region is another (403 SignatureDoesNotMatch)",
    ],
  ])("that refuses %s says so once, without the secret", async (_, other, reason) => {
    const store = s3Store({ bucket: "backups", endpoint: server.endpoint }, { ...keys, ...other });
    const problems = await store.check(1, signal);
    expect(problems).toMatchObject([{ path: "backup.store.s3" }]);
    expect(problems[0]?.reason).toContain(reason);
    expect(JSON.stringify(problems)).not.toContain(keys.secretAccessKey);
    expect(server.requests).toHaveLength(1);
  });

  test("that does not exist, is full or does not answer is refused", async () => {
    expect(await bucket({ bucket: "other" }).check(1, signal)).toMatchObject([
      { reason: expect.stringContaining("there is no such bucket (404 NoSuchBucket)") },
    ]);
    expect(await bucket().check(6 * 2 ** 30, signal)).toMatchObject([{ reason: expect.stringContaining("5 GiB") }]);
    server.faults.push(507, 507, 507, 507);
    expect(await bucket().check(1, signal)).toMatchObject([
      { reason: expect.stringContaining("507 XMinioStorageFull") },
    ]);
    await server.stop();
    expect(await bucket().check(1, signal)).toMatchObject([{ reason: expect.stringContaining("ECONNREFUSED") }]);
  }, 30_000);

  test("that keeps everything for a while is fit for snapshots", async () => {
    server.retains = true;
    expect(await bucket().check(1, signal)).toEqual([]);
  });

  test("without credentials is refused with where they come from", () => {
    const backup = { store: { s3: { bucket: "backups" } }, recipients: [], keep: 1 };
    const { problems } = openStore(backup, {}, { AWS_ACCESS_KEY_ID: "AKIA" });
    expect(problems).toMatchObject([{ reason: expect.stringContaining(": AWS_SECRET_ACCESS_KEY not set") }]);
    expect(openStore(backup, { s3: keys }, {}).problems).toEqual([]);
    expect(openStore(backup, {}, { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" }).problems).toEqual([]);
  });
});
