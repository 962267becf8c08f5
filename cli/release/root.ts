/** The root says which keys count. A site follows it from version to version, each signed by a key of the one before. */
import type { Metadata, Root } from "@tufjs/models";
import { type Problem, ProblemError } from "../../components/problem";
import { openKey, publicKeys, type Seal, signingKeys } from "../licence/keys";
import { signedBytes, tufKey } from "./metadata";

/**
 * Signs a root by the keys that it names for itself, and by one that goes when the root before names none of those:
 * somebody whom sites know has to vouch for the new ones. @throws ProblemError when nobody can
 */
export async function signedRoot(
  folder: string,
  seal: Seal,
  root: Metadata<Root>,
  before?: Metadata<Root>,
): Promise<Buffer> {
  const known = ({ x }: { readonly x: string }) => before?.signed.roles.root?.keyIDs.includes(tufKey(x).keyID) === true;
  const keys = await signingKeys(folder, seal);
  const bytes = await signedBytes(root, keys);
  if (before === undefined || keys.some(known)) return bytes;
  const problems: Problem[] = [];
  // One of them is enough: a key is also taken away because it is lost.
  for (const { x } of publicKeys(folder).filter(known).reverse()) {
    try {
      return await signedBytes(root, [await openKey(folder, x, seal)]);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      problems.push(...error.problems);
    }
  }
  const reason = "no key that may sign the new root is known to any site, and of those that are none is here";
  const fix = "bring back a root key that was retired: it has to sign once more";
  throw new ProblemError("Nothing was signed:", [{ path: folder, reason, fix }, ...problems]);
}
