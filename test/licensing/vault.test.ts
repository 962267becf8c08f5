import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { adoptVaultKey, publicKeys, signingKey, signingKeys } from "../../cli/licence/keys";
import { issue } from "../../cli/licence/vendor";
import { newestRelease } from "../../cli/release/client";
import { ROLES } from "../../cli/release/metadata";
import { roleFolder, signRepository } from "../../cli/release/repository";
import { keyRing } from "../../components/licensing/keys";
import { verifyLicence } from "../../components/licensing/verdict";
import { manifest } from "../release/world";

const TOKEN = "hvs.not-to-be-seen";

/** Vault's transit engine, as far as its HTTP interface is documented for keys and sign. */
class Transit {
  readonly keys = new Map<string, KeyObject[]>();
  readonly server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const [status, data] = this.answer(
        `${request.method} ${request.url}`,
        request.headers["x-vault-token"],
        Buffer.concat(chunks).toString(),
      );
      response.writeHead(status).end(JSON.stringify(status === 200 ? { data } : { errors: [TOKEN] }));
    });
  });

  create(name: string): void {
    this.keys.set(name, [...(this.keys.get(name) ?? []), generateKeyPairSync("ed25519").privateKey]);
  }

  private answer(call: string, token: unknown, body: string): [number, unknown?] {
    if (token !== TOKEN) return [403];
    const [, method, act, name = ""] = /^(\w+) \/v1\/transit\/(\w+)\/([\w-]+)$/.exec(call) ?? [];
    const versions = this.keys.get(name);
    if (versions === undefined) return [404];
    if (method === "GET" && act === "keys") {
      const keys = versions.map((key, place) => [String(place + 1), { public_key: publicKey(key) }]);
      return [200, { type: "ed25519", latest_version: versions.length, keys: Object.fromEntries(keys) }];
    }
    if (method !== "POST" || act !== "sign") return [405];
    const { input, key_version: version } = JSON.parse(body) as { input: string; key_version: number };
    const key = versions[version - 1];
    if (key === undefined) return [400];
    const signature = sign(null, Buffer.from(input, "base64"), key).toString("base64");
    return [200, { signature: `vault:v${version}:${signature}` }];
  }
}

const raw = (key: KeyObject) => Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
const publicKey = (key: KeyObject) => raw(key).toString("base64");

let vault: Transit;
let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-vault-"));
  vault = new Transit();
  await new Promise<void>((done) => vault.server.listen(0, "127.0.0.1", done));
  const address = vault.server.address();
  process.env.VAULT_ADDR = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  process.env.VAULT_TOKEN = TOKEN;
});
afterEach(async () => {
  delete process.env.VAULT_ADDR;
  delete process.env.VAULT_TOKEN;
  rmSync(folder, { recursive: true });
  vault.server.closeAllConnections();
  await new Promise((done) => vault.server.close(done));
});

const DRAFT = { id: "acme-1", customer: "ACME", tier: "platform", until: "2030-01-01", grace: "14" };
const order = () => issue(folder, { ...DRAFT, feature: [], uuid: [], wwid: [] }, {}, new Date());

test("Vault signs a licence, and no private key comes to the vendor's folder", async () => {
  vault.create("plinth");
  await adoptVaultKey(folder, "plinth");
  const verdict = verifyLicence(await order(), { keys: keyRing(publicKeys(folder)), now: new Date() });
  expect(verdict.state).toBe("valid");
  expect(readdirSync(folder).filter((name) => name.endsWith(".age"))).toEqual([]);
  for (const name of readdirSync(folder)) expect(readFileSync(path.join(folder, name), "utf8")).not.toContain(TOKEN);
});

test("a key that was rotated in Vault signs as before, until the new version is taken as well", async () => {
  vault.create("plinth");
  const old = await adoptVaultKey(folder, "plinth");
  vault.create("plinth");
  expect((await signingKey(folder, {})).id).toBe(old);
  expect(verifyLicence(await order(), { keys: keyRing(publicKeys(folder)), now: new Date() }).state).toBe("valid");
  const next = await adoptVaultKey(folder, "plinth");
  expect((await signingKeys(folder, {})).map(({ id }) => id)).toEqual([old, next]);
  await adoptVaultKey(folder, "plinth");
  expect(publicKeys(folder)).toHaveLength(2);
});

test("Vault signs a channel, and a site believes it", async () => {
  for (const role of ROLES) {
    vault.create(`plinth-${role}`);
    await adoptVaultKey(roleFolder(folder, role), `plinth-${role}`);
  }
  const from = path.join(folder, "releases");
  await signRepository(from, folder, {}, new Date(), manifest("0.2.0"));
  const source = { from, root: path.join(from, "metadata/1.root.json"), memory: path.join(folder, "memory") };
  expect((await newestRelease(source, "stable")).version).toBe("0.2.0");
});

test("what goes wrong is told with the way, and without the token", async () => {
  const told = async () => {
    try {
      return await adoptVaultKey(folder, "plinth");
    } catch (error) {
      return String(error);
    }
  };
  expect(await told()).toMatch(/transit\/keys\/plinth: Vault answers 404/);
  process.env.VAULT_TOKEN = "hvs.another";
  expect(await told()).toMatch(/Vault answers 403 \(give the token a policy/);
  process.env.VAULT_ADDR = "http://127.0.0.1:1";
  expect(await told()).toMatch(/127.0.0.1:1: cannot be asked: .*\(look whether Vault runs/);
  delete process.env.VAULT_TOKEN;
  expect(await told()).toMatch(/set VAULT_ADDR and VAULT_TOKEN/);
  expect(await told()).not.toContain("hvs.");
});
