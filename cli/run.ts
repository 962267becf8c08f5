import { ProblemError } from "../components/problem";

/**
 * Runs a command; whatever goes wrong is printed as a person can act on it, without a stack trace, and ends with exit
 * code 1. `PLINTH_DEBUG=1` prints the stack trace as well.
 */
export async function run(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    process.exitCode ??= 1;
    if (isAbort(error)) return;
    console.error(describe(error));
    if (process.env.PLINTH_DEBUG === "1" && error instanceof Error) console.error(error.stack);
    else if (!(error instanceof ProblemError)) console.error("This is a fault of plinth: PLINTH_DEBUG=1 shows where.");
  }
}

/** One paragraph for an error. */
export function describe(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const path = (error as NodeJS.ErrnoException | undefined)?.path;
  if (code === "ENOSPC")
    return `The disk is full${path === undefined ? "" : ` (${path})`}: make room and run the same command again.`;
  if (code === "EACCES" || code === "EROFS")
    return `There is no permission to write ${path ?? "a file"}: set PLINTH_CACHE to a folder of yours.`;
  return error instanceof Error ? error.message : String(error);
}

/** An interruption that the user asked for; it was told already. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** Resolves when everything written so far has left this process, or nobody reads it any more. */
export function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}
