import { createHash } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../components/problem";
import { LeaseHeld, leaseDirectory, withFileLease } from "../../provider/lease";

/** Longer than anybody signs; a Vault that does not answer is given up earlier. */
const PATIENCE_MS = 60_000;
/** What a disk says that knows no second name for a file, as a stick's often does. */
const NO_LINKS: readonly (string | undefined)[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/**
 * Runs `work` while nobody else changes the vendor's folder: what is read there (keys, the log's head, sequences) is
 * still so when it is written. Another one is waited for, then named; one that died is no obstacle.
 *
 * @param doing what the one who has to wait is told, as in `issue acme-1`
 * @throws ProblemError when there is no such folder, or when somebody holds it for longer than `patience` milliseconds
 */
export async function withVendor<T>(
  folder: string,
  doing: string,
  work: () => Promise<T>,
  patience = PATIENCE_MS,
): Promise<T> {
  if (!existsSync(folder)) {
    const fix = "name the vendor's folder with --vendor, or make a key: plinth licence keys new";
    throw refused(folder, "is not there", fix);
  }
  const end = Date.now() + patience;
  let working = false;
  const begun = () => {
    working = true;
    return work();
  };
  // In the folder itself, which may be shared with other computers.
  let [directory, name] = [folder, "vendor"];
  for (;;) {
    try {
      return await withFileLease(directory, { name, doing }, begun);
    } catch (error) {
      // What the work itself ran into.
      if (working) throw error;
      const { code, syscall, message } = error as NodeJS.ErrnoException;
      if (syscall === "link" && NO_LINKS.includes(code) && directory === folder) {
        directory = leaseDirectory();
        name = `vendor-${createHash("sha256").update(realpathSync(folder)).digest("hex").slice(0, 16)}`;
      } else if (!(error instanceof LeaseHeld))
        throw refused(folder, message, "make it a folder that you may write to");
      else if (Date.now() >= end) throw refused(folder, message, "nothing was changed here");
      else await sleep(100);
    }
  }
}

function refused(folder: string, reason: string, fix: string): ProblemError {
  return new ProblemError("Nothing was done:", [{ path: folder, reason, fix }]);
}
