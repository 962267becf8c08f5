import { generateKeyPairSync, verify } from "node:crypto";
import type { Licence } from "../components/licensing/claims";
import { keyRing } from "../components/licensing/keys";
import { localSigner, sign } from "../components/licensing/signed";
import { LICENCE, verifyLicence } from "../components/licensing/verdict";
import { median, type Row } from "./row";

const COUNT = 2000;
const ROUNDS = 5;

/** Licences judged in a second of one core's time, against the bare check of the same signature, in turn. */
export async function measureLicences(): Promise<Row[]> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const x = publicKey.export({ format: "jwk" }).x ?? "";
  const claims: Licence = {
    ...{ v: 1, id: "bench-1", sequence: 1, customer: "bench", tier: "enterprise", features: [] },
    ...{ limits: { nodes: 200 }, graceDays: 14 },
    ...{ issued: "2026-01-01T00:00:00Z", notBefore: "2026-01-01T00:00:00Z", notAfter: "2027-01-01T00:00:00Z" },
  };
  const text = await sign(claims, LICENCE, localSigner(privateKey, x));
  const keys = keyRing([{ x }]);
  const now = new Date("2026-06-01T00:00:00Z");
  const use = { sites: 1, nodes: 50, gpus: 0, features: ["multi-node" as const] };
  const [signed, signature] = [text.slice(0, text.lastIndexOf(".")), text.slice(text.lastIndexOf(".") + 1)];
  const [data, bytes] = [Buffer.from(signed), Buffer.from(signature, "base64url")];
  if (!verifyLicence(text, { keys, now, use }).entitled) throw new Error("the licence is good");
  const rates = Array.from({ length: ROUNDS }, () => ({
    judged: perSecond(() => verifyLicence(text, { keys, now, use })),
    bare: perSecond(() => verify(null, data, publicKey, bytes)),
  }));
  const value = Math.round(median(rates.map(({ judged }) => judged)));
  const ratio = Math.round((median(rates.map(({ bare }) => bare)) / value) * 1000) / 1000;
  return [{ name: "licence/verifications", unit: "1/s", value, ratio }];
}

/** By processor time, so that what else this computer does is not measured. */
function perSecond(act: () => unknown): number {
  const before = process.cpuUsage();
  for (let count = 0; count < COUNT; count++) act();
  const { user, system } = process.cpuUsage(before);
  return (COUNT * 1e6) / (user + system);
}
