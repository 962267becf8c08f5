/**
 * Answers from a file instead of a service, for a preview without credentials: `PLINTH_RECORDED` names a folder with a
 * `<service>.yaml`. What is not in it is not answered, and nothing can be changed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { ProblemError } from "../../components/problem";
import type { Wire } from "./wire";

const recordedSchema = z.strictObject({
  /** Day on which the answers were true, as 2026-08-04. */
  date: z.iso.date(),
  /** Version of the service's interface. */
  api: z.string().min(1),
  /** Where they come from. */
  source: z.string().min(1),
  answers: z.array(
    z.strictObject({ request: z.string().startsWith("GET /"), status: z.int().default(200), body: z.unknown() }),
  ),
});

/** The recorded service, if there is any such folder; a file that is missing or not of its form is refused. */
export function recordedWire(service: string, folder = process.env.PLINTH_RECORDED): Wire | undefined {
  if (folder === undefined || folder === "") return undefined;
  const file = join(folder, `${service}.yaml`);
  const { date, api, answers } = recordedSchema.parse(parse(readFileSync(file, "utf8")));
  const known = new Map(answers.map(({ request, status, body }) => [request, { status, body }]));
  return {
    async send({ method, path }) {
      const request = `${method} ${decodeURIComponent(path)}`;
      const answer = known.get(request);
      if (answer === undefined) {
        throw new ProblemError(`The recorded answers of ${service} (${date}, API ${api}) do not do:`, [
          {
            path: request,
            reason: `is not in ${file}`,
            fix: "record it there, or unset PLINTH_RECORDED and use the service",
          },
        ]);
      }
      return {
        status: answer.status,
        headers: { "content-type": "application/json" },
        text: JSON.stringify(answer.body),
      };
    },
    close: () => undefined,
  };
}
