import fc from "fast-check";
import {
  generateSigningKey,
  isSigningKey,
  PermissionRefused,
  signPermission,
  trustedKeys,
  verifyPermission,
} from "../../components/boot/permission";
import { permission } from "./support";

const pair = generateSigningKey();
const issued = Date.UTC(2026, 0, 1);
const given = permission({ issued, expires: issued + 60_000, proof: { address: "10.0.0.5", ca: "-----BEGIN" } });

test("a permission arrives as it was signed", async () => {
  const token = await signPermission(given, "session-1", pair.privateKey);
  expect(await verifyPermission(token, "session-1", await trustedKeys(pair.publicKey))).toEqual(given);
});

test("any changed letter of a permission makes it worthless", async () => {
  const keys = await trustedKeys(pair.publicKey);
  const token = await signPermission(given, "session-1", pair.privateKey);
  await fc.assert(
    fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(..."ABCxyz019_-."), async (at, letter) => {
      const altered = token.slice(0, at) + letter + token.slice(at + 1);
      fc.pre(altered !== token);
      // The last letter of a signature holds bits that mean nothing.
      fc.pre(at !== token.length - 1);
      await expect(verifyPermission(altered, "session-1", keys)).rejects.toThrow(PermissionRefused);
    }),
    { numRuns: 300 },
  );
});

test.each([
  ["of another session", "session-2", pair.publicKey, /another boot server/],
  ["of a key that is not trusted", "session-1", generateSigningKey().publicKey, /does not trust/],
])("one %s is refused with the reason", async (_, session, publicKey, reason) => {
  const token = await signPermission(given, "session-1", pair.privateKey);
  await expect(verifyPermission(token, session, await trustedKeys(publicKey))).rejects.toThrow(reason);
});

test.each([
  ["a kernel argument with a line end", { image: { ...given.image, args: ["a\nb"] } }],
  ["a variable of iPXE", { image: { ...given.image, kernel: ["http://a/$", "{uuid}"].join("") } }],
  ["a UUID that many machines share", { uuid: "ffffffff-ffff-ffff-ffff-ffffffffffff" }],
])("%s is refused even when it is signed", async (_, over) => {
  const token = await signPermission({ ...given, ...over }, "s", pair.privateKey);
  await expect(verifyPermission(token, "s", await trustedKeys(pair.publicKey))).rejects.toThrow(PermissionRefused);
});

test("only Ed25519 keys are used", async () => {
  expect([isSigningKey(pair.privateKey), isSigningKey(pair.publicKey), isSigningKey("x")]).toEqual([
    true,
    false,
    false,
  ]);
  await expect(trustedKeys("nothing")).rejects.toThrow("no public key");
});
