/** Encryption with age: to public keys, or in the lab with a passphrase. */
import { Readable } from "node:stream";
import type { Backup } from "../../components/backup/spec";
import type { Problem } from "../../components/problem";

/** Variable that holds the lab's passphrase. */
const PASSPHRASE = "PLINTH_BACKUP_PASSPHRASE";

/** What turns plain bytes into a file that only the named keys open; not to be used while there are problems. */
interface Sealer {
  readonly seal: (plain: AsyncIterable<Uint8Array>) => Promise<AsyncIterable<Uint8Array>>;
  readonly problems: readonly Problem[];
}

export async function sealer(
  { recipients, passphrase }: Backup,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Sealer> {
  // An ES module only: this side is CommonJS.
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  const seal: Sealer["seal"] = async (plain) => {
    const source = Readable.toWeb(Readable.from(plain)) as ReadableStream<Uint8Array>;
    return (await encrypter.encrypt(source)) as unknown as AsyncIterable<Uint8Array>;
  };
  if (passphrase) {
    const secret = env[PASSPHRASE];
    if (!secret) {
      const fix = `set ${PASSPHRASE} in the environment of plinth, or name recipients`;
      return { seal, problems: [{ path: "backup.passphrase", reason: `${PASSPHRASE} is not set`, fix }] };
    }
    encrypter.setPassphrase(secret);
    return { seal, problems: [] };
  }
  const problems = recipients.flatMap((recipient, place): Problem[] => {
    try {
      encrypter.addRecipient(recipient);
      return [];
    } catch {
      const reason = `${recipient} is not a public key that plinth can encrypt to`;
      const fix = "copy it again from age-keygen -y; keys of plugins cannot be used";
      return [{ path: `backup.recipients[${place}]`, reason, fix }];
    }
  });
  if (recipients.length === 0) {
    const fix = "name at least one age public key";
    problems.push({ path: "backup.recipients", reason: "nobody could open a snapshot", fix });
  }
  return { seal, problems };
}
