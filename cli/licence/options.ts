import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { ProblemError } from "../../components/problem";
import type { Seal } from "./keys";

/** Option values that may be given several times. */
export function many(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** Adds how signing keys are opened. */
export function withIdentity(command: Command): Command {
  return command.option(
    "--identity <file>",
    "age private key that opens the signing keys (default: PLINTH_LICENCE_PASSPHRASE)",
    many,
    [],
  );
}

/** What opens or seals keys, by the command line or the environment. */
export function sealFrom(options: {
  readonly recipient?: readonly string[];
  readonly identity?: readonly string[];
}): Seal {
  const { recipient = [], identity = [] } = options;
  const passphrase = process.env.PLINTH_LICENCE_PASSPHRASE;
  const identities = identity.flatMap((file) => readText(file).match(/^AGE-SECRET-KEY-\S+$/gm) ?? []);
  // What is named on the command line counts; an environment may be set for another day.
  const named = recipient.length + identities.length > 0;
  return { recipients: recipient, identities, ...(passphrase && !named && { passphrase }) };
}

/** A file's text without what surrounds it, `-` being standard input. */
export function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8").trim();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).message;
    throw new ProblemError("There is nothing to read:", [{ path: file, reason, fix: "name a file that you may read" }]);
  }
}
