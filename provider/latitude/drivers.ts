/** The outside world of rented servers; tests hand in one that fails. */
import { ProblemError } from "../../components/problem";
import { recordedWire } from "../http/recorded";
import { httpWire } from "../http/wire";
import type { Context } from "../resource";
import { traced } from "../trace";
import type { Latitude } from "./api";
import { cached } from "./cached";
import { latitude } from "./client";
import { fileNotes, type OrderNotes } from "./notes";
import { Promised } from "./promised";

export interface LatitudeDrivers {
  latitude(context: Pick<Context, "config" | "signal">): Latitude;
  readonly notes: OrderNotes;
  /** What this process is about to order. */
  readonly promised: Promised;
  /** Pause between two looks while a server is made ready, in milliseconds. */
  readonly pollMs: number;
  /** How long an order whose answer was lost is looked for, in milliseconds. */
  readonly settleMs: number;
  now(): number;
}

/** Works with the API of one call's account, and closes its connections. */
export async function withLatitude<T>(
  drivers: LatitudeDrivers,
  context: Context,
  work: (api: Latitude) => Promise<T>,
): Promise<T> {
  const api = drivers.latitude(context);
  try {
    return await work(api);
  } finally {
    api.close();
  }
}

/** Where the API is, unless the configuration says otherwise. */
export const LATITUDE_URL = "https://api.latitude.sh";

export const realLatitudeDrivers: LatitudeDrivers = {
  latitude({ config, signal }) {
    const patience = { signal };
    const recorded = recordedWire("latitude");
    if (recorded !== undefined) return latitude(recorded, "", patience);
    const url = config.latitude?.url ?? process.env.PLINTH_LATITUDE_URL ?? LATITUDE_URL;
    const token = config.latitude?.token ?? process.env.LATITUDESH_BEARER;
    if (token === undefined || token === "") {
      throw new ProblemError("Latitude.sh cannot be used:", [
        {
          path: "latitude.token",
          reason: "is not configured",
          fix: "pulumi config set --secret --path plinth:latitude.token, or set LATITUDESH_BEARER",
        },
      ]);
    }
    return traced("latitude", cached(`${url} ${token}`, latitude(httpWire(url, patience), token, patience)));
  },
  notes: fileNotes(),
  promised: new Promised(),
  // A key may ask sixty times a minute, whatever the number of servers that are waited for.
  pollMs: 30_000,
  settleMs: 60_000,
  now: Date.now,
};
