import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer, type Server } from "node:http";

/** How a call is answered. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface Key {
  readonly type: Type;
  readonly derived: boolean;
  readonly made: Date;
  readonly versions: KeyObject[];
  oldest: number;
}

type Type = "ed25519" | "ecdsa-p256" | "aes256-gcm96";

/** What a type of key can do, and how its versions are told. */
const TYPES = {
  ed25519: { name: "ed25519", signs: true, encrypts: false, derives: true },
  "ecdsa-p256": { name: "P-256", signs: true, encrypts: false, derives: false },
  "aes256-gcm96": { name: "", signs: false, encrypts: true, derives: true },
} as const;

/**
 * Vault's transit engine over HTTP, as far as plinth and its vendor's operator use it; a test replays what the real one
 * answered. What nobody should ask is answered as the real one would, and kept in `unexpected`.
 */
export class Transit {
  readonly unexpected: string[] = [];
  sealed = false;
  private readonly keys = new Map<string, Key>();
  private readonly server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const token = request.headers["x-vault-token"];
      const text = Buffer.concat(chunks).toString();
      const { status, body } = this.guarded(token, request.method ?? "", request.url ?? "", text);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });

  constructor(readonly token: string) {}

  async start(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done));
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /** What the core says before the engine is asked. */
  private guarded(token: unknown, method: string, url: string, text: string): Answer {
    if (this.sealed) return failed(503, "Vault is sealed");
    if (token !== this.token) return failed(403, "permission denied");
    const [, path] = /^\/v1\/transit\/([^?]+)$/.exec(url) ?? [];
    return this.ask(method, path ?? "", text === "" ? {} : JSON.parse(text));
  }

  /** What the engine answers. */
  ask(method: string, path: string, body: Readonly<Record<string, unknown>> = {}): Answer {
    const [, act, name = "", more = ""] = /^(keys|sign)\/([\w.-]+)(?:\/(rotate|config))?$/.exec(path) ?? [];
    const [known, work] = this.work(`${method} ${act ?? ""}/${more}`, name, body);
    const odd = Object.keys(body).filter((field) => !known.includes(field));
    if (work === undefined || odd.length > 0) this.unexpected.push(`${method} ${path} ${odd.join(" ")}`.trim());
    if (act === undefined) return failed(404, "unsupported path");
    return work?.() ?? failed(405, "unsupported operation");
  }

  private work(
    call: string,
    name: string,
    body: Readonly<Record<string, unknown>>,
  ): [readonly string[], (() => Answer)?] {
    const key = this.keys.get(name);
    const told = () => (key === undefined ? { status: 404, body: { errors: [] } } : good(described(name, key)));
    switch (call) {
      case "GET keys/":
        return [[], told];
      case "POST keys/":
        return [["type", "derived"], () => good(described(name, this.make(name, body.type, body.derived === true)))];
      case "POST keys/rotate":
        key?.versions.push(pair(key.type));
        return [[], told];
      case "POST keys/config":
        if (key !== undefined) key.oldest = Number(body.min_encryption_version);
        return [["min_encryption_version"], told];
      case "POST sign/":
        return [["input", "key_version"], () => signed(key, String(body.input), Number(body.key_version))];
      default:
        return [[]];
    }
  }

  private make(name: string, type: unknown, derived: boolean): Key {
    const known = type as Type;
    const key = { type: known, derived, made: new Date(), versions: [pair(known)], oldest: 0 };
    this.keys.set(name, key);
    return key;
  }
}

function described(name: string, { type, derived, made, versions, oldest }: Key) {
  const traits = TYPES[type];
  const version = (key: KeyObject) => ({
    ...{ certificate_chain: "", hybrid_public_key: "", name: traits.name, creation_time: made.toISOString() },
    public_key: derived ? "" : publicKey(type, key),
  });
  const keys = versions.map((key, place) => [
    String(place + 1),
    traits.signs ? version(key) : Math.floor(made.getTime() / 1000),
  ]);
  return {
    ...{ name, type, derived, exportable: false, imported_key: false, allow_plaintext_backup: false },
    ...{ auto_rotate_period: 0, deletion_allowed: false, keys: Object.fromEntries(keys) },
    ...{ latest_version: versions.length, min_available_version: 0, min_decryption_version: 1 },
    ...{ min_encryption_version: oldest, supports_signing: traits.signs, supports_derivation: traits.derives },
    ...{ supports_encryption: traits.encrypts, supports_decryption: traits.encrypts },
    ...(derived && { convergent_encryption: false, kdf: "hkdf_sha256" }),
  };
}

function signed(key: Key | undefined, input: string, version: number): Answer {
  if (key === undefined) return failed(400, "signing key not found");
  if (!TYPES[key.type].signs) return failed(400, `key type ${key.type} does not support signing`);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(input))
    return failed(400, "unable to decode input: illegal base64 data at input byte 0");
  if (key.derived)
    return failed(
      500,
      "error deriving key: missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key",
    );
  if (version > key.versions.length)
    return failed(500, "requested version for signing is higher than the latest key version");
  if (version < key.oldest)
    return failed(500, "requested version for signing is less than the minimum encryption key version");
  const by = key.versions[version - 1];
  const bytes = by === undefined ? Buffer.alloc(0) : sign(null, Buffer.from(input, "base64"), by);
  return good({ key_version: version, signature: `vault:v${version}:${bytes.toString("base64")}` });
}

function pair(type: Type): KeyObject {
  if (type === "ecdsa-p256") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  return generateKeyPairSync("ed25519").privateKey;
}

function publicKey(type: Type, key: KeyObject): string {
  const own = createPublicKey(key);
  if (type !== "ed25519") return own.export({ format: "pem", type: "spki" }).toString();
  return Buffer.from(own.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
}

function good(data: object): Answer {
  const none = { lease_id: "", lease_duration: 0, renewable: false, mount_type: "", warnings: null };
  return { status: 200, body: { ...none, request_id: "", auth: null, wrap_info: null, data } };
}

function failed(status: number, ...errors: readonly string[]): Answer {
  return { status, body: { errors } };
}
