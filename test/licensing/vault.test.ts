import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
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
import { ROOT } from "../support/site";
import { Transit } from "../support/transit";

const TOKEN = "hvs.not-to-be-seen";

let vault: Transit;
let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-vault-"));
  vault = new Transit(TOKEN);
  process.env.VAULT_ADDR = await vault.start();
  process.env.VAULT_TOKEN = TOKEN;
});
afterEach(async () => {
  delete process.env.VAULT_ADDR;
  delete process.env.VAULT_TOKEN;
  rmSync(folder, { recursive: true });
  await vault.stop();
  expect(vault.unexpected).toEqual([]);
});

const create = (name: string, more: object = {}) => vault.ask("POST", `keys/${name}`, { type: "ed25519", ...more });
const rotate = (name: string) => vault.ask("POST", `keys/${name}/rotate`);

const DRAFT = { id: "acme-1", customer: "ACME", tier: "platform", until: "2030-01-01", grace: "14" };
const order = () => issue(folder, { ...DRAFT, feature: [], uuid: [], wwid: [] }, {}, { now: new Date() });

test("Vault signs a licence, and no private key comes to the vendor's folder", async () => {
  create("plinth");
  await adoptVaultKey(folder, "plinth");
  const verdict = verifyLicence(await order(), { keys: keyRing(publicKeys(folder)), now: new Date() });
  expect(verdict.state).toBe("valid");
  expect(readdirSync(folder).filter((name) => name.endsWith(".age"))).toEqual([]);
  for (const name of readdirSync(folder)) expect(readFileSync(path.join(folder, name), "utf8")).not.toContain(TOKEN);
});

test("a key that was rotated in Vault signs as before, until the new version is taken as well", async () => {
  create("plinth");
  const old = await adoptVaultKey(folder, "plinth");
  rotate("plinth");
  expect((await signingKey(folder, {})).id).toBe(old);
  expect(verifyLicence(await order(), { keys: keyRing(publicKeys(folder)), now: new Date() }).state).toBe("valid");
  const next = await adoptVaultKey(folder, "plinth");
  expect((await signingKeys(folder, {})).map(({ id }) => id)).toEqual([old, next]);
  await adoptVaultKey(folder, "plinth");
  expect(publicKeys(folder)).toHaveLength(2);
});

test("Vault signs a channel, and a site believes it", async () => {
  for (const role of ROLES) {
    create(`plinth-${role}`);
    await adoptVaultKey(roleFolder(folder, role), `plinth-${role}`);
  }
  const from = path.join(folder, "releases");
  await signRepository(from, folder, {}, new Date(), manifest("0.2.0"));
  const source = { from, root: path.join(from, "metadata/1.root.json"), memory: path.join(folder, "memory") };
  expect((await newestRelease(source, "stable")).version).toBe("0.2.0");
});

const told = async (act: () => Promise<unknown>) => {
  try {
    return await act();
  } catch (error) {
    return String(error);
  }
};
const adopt = () => told(() => adoptVaultKey(folder, "plinth"));

test("what goes wrong is told with the way, and without the token", async () => {
  expect(await adopt()).toMatch(/transit\/keys\/plinth: Vault answers 404 \(look at the key's name/);
  vault.sealed = true;
  expect(await adopt()).toMatch(/Vault answers 503 \(it is sealed, or being maintained/);
  process.env.VAULT_TOKEN = "hvs.another";
  vault.sealed = false;
  expect(await adopt()).toMatch(/Vault answers 403 \(give the token a policy/);
  process.env.VAULT_ADDR = "http://127.0.0.1:1";
  expect(await adopt()).toMatch(/127.0.0.1:1: cannot be asked: .*\(look whether Vault runs/);
  delete process.env.VAULT_TOKEN;
  expect(await adopt()).toMatch(/set VAULT_ADDR and VAULT_TOKEN/);
});

test("what stands in Vault's place is no Vault, and what it was sent is shown nowhere", async () => {
  const page = createServer((request, response) => {
    const status = request.url?.includes("wrong") ? 502 : 200;
    response.writeHead(status).end(`<html>${request.headers["x-vault-token"]}</html>`);
  });
  await new Promise<void>((done) => page.listen(0, "127.0.0.1", done));
  const address = page.address();
  process.env.VAULT_ADDR = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  const said = [await adopt(), await told(() => adoptVaultKey(folder, "wrong"))].join("\n");
  page.closeAllConnections();
  await new Promise((done) => page.close(done));
  expect(said).toMatch(/what answers there is no transit engine[\s\S]*Vault answers 502/);
  expect(said).not.toContain("hvs.");
});

test.each([
  ["of another curve", { type: "ecdsa-p256" }, /is a key of type "ecdsa-p256" \(make another one/],
  ["for encryption", { type: "aes256-gcm96" }, /is a key of type "aes256-gcm96"/],
  ["that others are derived from", { derived: true }, /is a key that others are derived from/],
])("a key %s is refused before anything is signed with it", async (_, kind, reason) => {
  create("plinth", kind);
  expect(await adopt()).toMatch(reason);
  expect(readdirSync(folder)).toEqual([]);
});

test("a version that may not sign any more, and a key made anew, hand out nothing", async () => {
  create("plinth");
  await adoptVaultKey(folder, "plinth");
  rotate("plinth");
  vault.ask("POST", "keys/plinth/config", { min_encryption_version: 2 });
  expect(await told(order)).toMatch(
    /transit\/sign\/plinth: Vault answers 500 \(look at the key's min_encryption_version/,
  );
  create("plinth");
  expect(await told(order)).toMatch(
    /plinth: gave no signature of its version 1, as sites know it \(.*keys new --vault/,
  );
  expect(existsSync(path.join(folder, "issued.jsonl"))).toBe(false);
});

test("the engine of this test answers as Vault's own did", () => {
  const { answers } = JSON.parse(readFileSync(path.join(ROOT, "test/recorded/transit.json"), "utf8"));
  const own = new Transit(TOKEN);
  for (const { what, method, path: asked, body, status, answer } of answers) {
    const found = own.ask(method, asked, body);
    expect([what, found.status, alike(found.body)]).toEqual([what, status, alike(answer)]);
  }
  expect(answers.length).toBeGreaterThan(20);
  expect(own.unexpected).toEqual(["GET plinth", "DELETE sign/plinth"]);
});

/** An answer without what is another one every time: moments, keys, signatures. */
function alike(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, part: unknown) => {
    if (key === "request_id") return "";
    if (typeof part === "number") return part > 1e9 ? "seconds" : part;
    if (typeof part !== "string") return part;
    return part
      .replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, "moment")
      .replace(/[A-Za-z0-9+/]{86}==$/, "64 bytes")
      .replace(/^[A-Za-z0-9+/]{43}=$/, "32 bytes")
      .replace(/^-----BEGIN PUBLIC KEY-----\n[^-]+-----END PUBLIC KEY-----\n$/, "public key");
  });
}
