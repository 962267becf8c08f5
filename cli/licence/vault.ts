/** Keys in Vault's transit engine: Vault signs, and nobody reads the key. */
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
    latest_version: z.int(),
    keys: z.record(z.string(), z.union([z.object({ public_key: z.string() }), z.unknown()])),
  }),
});
const signed = z.object({ data: z.object({ signature: z.string() }) });

/** The newest version of a key, with its public half. @throws ProblemError */
export async function vaultKey(name: string): Promise<VaultKey & { readonly x: string }> {
  const { data } = described.parse(await ask("GET", `keys/${encodeURIComponent(name)}`));
  const version = data.latest_version;
  const found = data.keys[String(version)] as { readonly public_key?: string } | undefined;
  const bytes = Buffer.from(found?.public_key ?? "", "base64");
  if (data.type !== "ed25519" || bytes.length !== 32)
    throw problem(name, `is a key of type ${data.type}`, `vault write -f transit/keys/${name} type=ed25519`);
  return { name, version, x: bytes.toString("base64url") };
}

/** Signs by Vault. */
export function vaultSigner({ name, version }: VaultKey, x: string): Signer {
  return {
    x,
    async sign(data) {
      const body = { input: data.toString("base64"), key_version: version };
      const { signature } = signed.parse(await ask("POST", `sign/${encodeURIComponent(name)}`, body)).data;
      const bytes = Buffer.from(signature.split(":").at(-1) ?? "", "base64");
      if (bytes.length !== 64) throw problem(name, "gave no signature of Ed25519", "look at the key in Vault");
      return bytes;
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
  if (answer.ok) return JSON.parse(text);
  const fix =
    answer.status === 403
      ? "give the token a policy for transit/keys and transit/sign of this key"
      : "vault status tells";
  throw problem(`${mount}/${path}`, `Vault answers ${answer.status}`, fix);
}

function problem(path: string, reason: string, fix: string): ProblemError {
  return new ProblemError("Nothing was signed:", [{ path, reason, fix }]);
}
