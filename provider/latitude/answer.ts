/** What an answer of Latitude.sh's API means. */
import { z } from "zod";
import type { Raw } from "../http/wire";
import { LatitudeError } from "./api";

const errors = z.object({
  errors: z
    .array(
      z.object({
        code: z.string().optional(),
        title: z.string().optional(),
        detail: z.string().optional(),
        meta: z.object({ retry_after: z.number().optional() }).optional(),
      }),
    )
    .min(1),
});

/** The body of a good answer; throws a {@link LatitudeError} with what it means otherwise. */
export function judge(method: string, path: string, { status, headers, text }: Raw): unknown {
  const where = `${method} ${path.split("?")[0]}`;
  const body = readJson(headers["content-type"], text);
  if (status >= 200 && status < 300) {
    if (status !== 204 && body === undefined) {
      throw new LatitudeError("foreign", `${where}: the answer is not one of Latitude.sh's API`);
    }
    return body;
  }
  const first = errors.safeParse(body).data?.errors[0];
  const said = `${where}: Latitude.sh answers ${status}${first === undefined ? "" : `: ${first.detail ?? first.title}`}`;
  if (status === 429) {
    const seconds = first?.meta?.retry_after ?? Number(headers["retry-after"]);
    const pause = Number.isFinite(seconds) ? Math.max(0, seconds) * 1000 : true;
    // It is said before anything is done, whatever the method.
    throw new LatitudeError("busy", `${where}: Latitude.sh asks to slow down`, first?.code, pause);
  }
  if (status >= 500) {
    const again = method !== "POST";
    throw new LatitudeError(again ? "server" : "unknown", said, first?.code, again);
  }
  if (status === 401 || status === 403) throw new LatitudeError("denied", said, first?.code);
  if (status === 404) throw new LatitudeError("missing", said, first?.code);
  throw new LatitudeError(first === undefined ? "foreign" : "refused", said, first?.code);
}

/** A body cut off on its way is none. */
function readJson(type: string | undefined, text: string): unknown {
  if (!(type ?? "").includes("json")) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
