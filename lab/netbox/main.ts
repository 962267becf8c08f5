import { readFileSync } from "node:fs";
import { z } from "zod";
import { NetBoxServer } from "./server";

/** What the server of a lab instance is told. */
const settings = z.strictObject({ host: z.string(), port: z.number(), file: z.string(), token: z.string() });
export type NetBoxSettings = z.infer<typeof settings>;

/** `serve <settings.json>`: a NetBox that runs until it is asked to end. */
async function main(): Promise<void> {
  const [, , , path = ""] = process.argv;
  const { host, port, file, token } = settings.parse(JSON.parse(readFileSync(path, "utf8")));
  const server = new NetBoxServer({ tokens: [{ token, permissions: ["*"] }], file });
  await server.listen(host, port);
  console.log(JSON.stringify({ ready: true }));
  process.once("SIGTERM", () => void server.close());
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
