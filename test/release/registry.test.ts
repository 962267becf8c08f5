import { createHash } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import path from "node:path";
import { newWorld, type World } from "./world";

jest.setTimeout(120_000);

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

let world: World;
beforeEach(async () => {
  world = await newWorld();
});
afterEach(() => world.end());

/** A registry as the distribution specification has it for pulling: manifests by tag, blobs by digest, a token for both. */
class Registry {
  readonly blobs = new Map<string, Buffer>();
  manifest: unknown;
  token: string | undefined;
  readonly asked: string[] = [];

  /** As oras pushes the files of a folder. */
  fill(): void {
    const layers = [...world.keep()].map(([file, bytes]) => {
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      this.blobs.set(digest, bytes);
      const title = path.relative(world.repository, file);
      const annotations = { "org.opencontainers.image.title": title };
      return { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: bytes.length, annotations };
    });
    this.manifest = { schemaVersion: 2, mediaType: MANIFEST, artifactType: "application/vnd.plinth.releases", layers };
  }

  readonly answer: RequestListener = (request, response) => {
    const { url = "", headers } = request;
    this.asked.push(url);
    if (url.startsWith("/token")) return void response.end(JSON.stringify({ token: this.token }));
    if (this.token !== undefined && headers.authorization !== `Bearer ${this.token}`) {
      const realm = `http://${headers.host}/token`;
      const challenge = `Bearer realm="${realm}",service="registry",scope="repository:releases:pull"`;
      return void response.writeHead(401, { "www-authenticate": challenge }).end();
    }
    const [, kind, name = ""] = /^\/v2\/vendor\/releases\/(manifests|blobs)\/(.+)$/.exec(url) ?? [];
    const found =
      kind === "blobs" ? this.blobs.get(name) : name === "stable" ? JSON.stringify(this.manifest) : undefined;
    if (found === undefined) response.writeHead(404).end(JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN" }] }));
    else response.writeHead(200, kind === "manifests" ? { "content-type": MANIFEST } : {}).end(found);
  };
}

async function served(use: (registry: Registry, place: string) => Promise<void>): Promise<void> {
  const registry = new Registry();
  registry.fill();
  const server = createServer(registry.answer);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  try {
    await use(registry, `oci://127.0.0.1:${typeof address === "object" ? address?.port : ""}/vendor/releases`);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

test("an OCI registry carries a channel, and later states of it, root and all", () =>
  served(async (registry, place) => {
    expect((await world.look(`${place}:stable`)).version).toBe("0.2.0");
    await world.sign("0.3.0");
    registry.fill();
    expect((await world.look(`${place}:stable`)).version).toBe("0.3.0");
    expect(registry.asked.filter((url) => url.includes("/manifests/"))).toHaveLength(2);
  }));

test("one that hands tokens to anybody is asked for one", () =>
  served(async (registry, place) => {
    registry.token = "anybody";
    expect((await world.look(`${place}:stable`)).version).toBe("0.2.0");
    expect(registry.asked[1]).toBe("/token?service=registry&scope=repository%3Areleases%3Apull");
  }));

test("a registry is believed no more than anybody else", () =>
  served(async (registry, place) => {
    await world.look(`${place}:stable`);
    for (const [digest, bytes] of registry.blobs)
      registry.blobs.set(digest, Buffer.from(bytes.toString().replace("v1.13.9", "v1.13.8")));
    await expect(world.look(`${place}:stable`)).rejects.toThrow(/There is no update:\n.*it is not believed/);
  }));

test("what is not there, or is no list of files, is told with the way", () =>
  served(async (registry, place) => {
    await expect(world.look(`${place}:edge`)).rejects.toThrow(
      /its registry answers 404 \(look at the name and the tag/,
    );
    await expect(world.look("oci://nowhere")).rejects.toThrow(/is no place in a registry \(write it as oci:/);
    await expect(world.look("oci://127.0.0.1:1/vendor/releases:stable")).rejects.toThrow(/cannot be read/);
    registry.manifest = { manifests: [] };
    await expect(world.look(`${place}:stable`)).rejects.toThrow(/is no list of files/);
  }));
