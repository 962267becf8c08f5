import { createInterface } from "node:readline/promises";
import { ProblemError } from "../components/problem";

/** Asks once for the site's name. @throws ProblemError unless somebody types it */
export async function confirm(name: string): Promise<void> {
  if (!process.stdin.isTTY) {
    const fix = "run it where somebody can answer, or add --yes";
    throw new ProblemError("Nothing was changed.", [{ path: "", reason: "nobody is there to confirm", fix }]);
  }
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await reader.question(`Type ${name} to go on: `);
    if (answer.trim() === name) return;
  } finally {
    reader.close();
  }
  throw new ProblemError("Nothing was changed.", [
    { path: "", reason: "it was not confirmed", fix: `type the site's name, ${name}` },
  ]);
}
