/** Keys in Vault's transit engine: Vault signs, and nobody reads the key. OpenBao's engine answers the same. */
import { createPublicKey, verify } from "node:crypto";
import { z } from "zod";
import type { Signer } from "../../components/licensing/signed";
import { ProblemError } from "../../components/problem";

/** Where a key is. */
export interface VaultKey {
  /** Name in the transit engine. */
  readonly name: string;
  /** A rotated key is another one; this is the version that sites know. */
  readonly version: number;
}

const CALL_MS = 30_000;

const described = z.object({
  data: z.object({
    type: z.string(),
    derived: z.boolean(),
    latest_version: z.int(),
    // Of a symmetric key a version is a moment, of an asymmetric one an object.
    keys: z.record(z.string(), z.union([z.int(), z.object({ public_key: z.string().optional() })])),
  }),
});
const signed = z.object({ data: z.object({ signature: z.string() }) });
const SIGNATURE = /^vault:v(\d+):([A-Za-z0-9+/]{86}==)$/;

/** The newest version of a key, with its public half. @throws ProblemError */
export async function vaultKey(name: string): Promise<VaultKey & { readonly x: string }> {
  const path = `keys/${encodeURIComponent(name)}`;
  const { type, derived, latest_version: version, keys } = understood(described, await ask("GET", path)).data;
  const make = `make another one: vault write -f transit/keys/… type=ed25519`;
  if (type !== "ed25519") throw problem(name, `is a key of type ${JSON.stringify(type)}`, make);
  // Its public half is another one for every context.
  if (derived) throw problem(name, "is a key that others are derived from", make);
  const found = keys[String(version)];
  const bytes = Buffer.from((typeof found === "object" ? found.public_key : undefined) ?? "", "base64");
  if (bytes.length !== 32) throw problem(name, `has no public half of version ${version}`, make);
  return { name, version, x: bytes.toString("base64url") };
}

/** Signs by Vault. */
export function vaultSigner({ name, version }: VaultKey, x: string): Signer {
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return {
    x,
    async sign(data) {
      const body = { input: data.toString("base64"), key_version: version };
      const { signature } = understood(signed, await ask("POST", `sign/${encodeURIComponent(name)}`, body)).data;
      const [, by, text = ""] = SIGNATURE.exec(signature) ?? [];
      const bytes = Buffer.from(text, "base64");
      // A key of the same name that was made anew signs, too; what it signs no site would take.
      if (Number(by) === version && verify(null, data, key, bytes)) return bytes;
      const fix = "look at the key in Vault; if it was made anew, take it with plinth licence keys new --vault";
      throw problem(name, `gave no signature of its version ${version}, as sites know it`, fix);
    },
  };
}

async function ask(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
  const { VAULT_ADDR: address, VAULT_TOKEN: token, VAULT_NAMESPACE: namespace } = process.env;
  if (address === undefined || token === undefined || !URL.canParse(address))
    throw problem(
      "VAULT_ADDR",
      "Vault's address or token is not set",
      "set VAULT_ADDR and VAULT_TOKEN, as for vault itself",
    );
  const mount = process.env.PLINTH_VAULT_TRANSIT ?? "transit";
  const answer = await fetch(new URL(`v1/${mount}/${path}`, `${address.replace(/\/+$/, "")}/`), {
    method,
    headers: { "X-Vault-Token": token, ...(namespace !== undefined && { "X-Vault-Namespace": namespace }) },
    signal: AbortSignal.timeout(CALL_MS),
    redirect: "error",
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch((error: Error & { readonly cause?: Error }) => {
    const fix = "look whether Vault runs and is unsealed; NODE_EXTRA_CA_CERTS names an authority of your own";
    throw problem(new URL(address).host, `cannot be asked: ${error.cause?.message ?? error.message}`, fix);
  });
  // The body may quote what was sent.
  const text = await answer.text();
  if (answer.ok) return json(text);
  throw problem(`${mount}/${path}`, `Vault answers ${answer.status}`, WAYS_OUT[answer.status] ?? "vault status tells");
}

/** What the transit engine means by a status. */
const WAYS_OUT: Readonly<Record<number, string>> = {
  400: "look at the key: it is gone, or cannot sign",
  403: "give the token a policy for transit/keys and transit/sign of this key, or log in anew",
  404: "look at the key's name, and whether PLINTH_VAULT_TRANSIT names its engine",
  500: "look at the key's min_encryption_version, which may be above the version that sites know, and at Vault's log",
  503: "it is sealed, or being maintained: vault operator unseal",
};

function understood<T>(schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw problem("VAULT_ADDR", "what answers there is no transit engine", "name Vault's own address, not a page's");
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problem(path: string, reason: string, fix: string): ProblemError {
  return new ProblemError("Nothing was signed:", [{ path, reason, fix }]);
}
