import { setTimeout as sleep } from "node:timers/promises";
import { claimId, readableClaim } from "../components/address/claim";
import { NetBoxServer } from "../lab/netbox/server";
import type { Ticker } from "../lab/ticker";
import { ensureClaims, type NetBoxClaim, releaseClaims } from "../provider/netbox/claims";
import { NetBox } from "../provider/netbox/client";
import { HttpTransport, type NetBoxConfig, type Transport } from "../provider/netbox/http";
import { findSource, type Source } from "../provider/netbox/ipam";
import { initNetBox } from "../provider/netbox/setup";
import { median, type Row, round } from "./row";

const COUNT = 250;
const ROUNDS = 3;
const PREFIX = "198.19.200.0/23";
const STACK = "plinth/bench";
const TOKEN = "0123456789abcdef0123456789abcdef01234567";

/**
 * What a NetBox 4.6 on two cores was measured to take for a request, in milliseconds: one claim a POST 35, in bulk 16
 * each, a read about 60. The lab's server waits as long, so that the ratios are those of a real server.
 */
function measuredCost(method: string, items: number): number {
  if (method !== "POST") return 60;
  return items <= 1 ? 35 : 16 * items;
}

/** Time of 250 new claims by plinth, by a bare bulk POST of the same bodies, and by one POST a claim, in turn. */
export async function measureAddresses(ticker: Ticker): Promise<Row[]> {
  const { config, close } = await subject();
  const { signal } = new AbortController();
  const http = new HttpTransport(config, { signal });
  const posted: { path: string; bodies: object[] }[] = [];
  const recording: Transport = {
    call: (call) => {
      if (call.method === "POST") posted.push({ path: call.path, bodies: call.body as object[] });
      return http.call(call);
    },
    close: () => http.close(),
  };
  const netbox = new NetBox(recording);
  const made: number[] = [];
  try {
    await initNetBox(netbox, ["bench"]);
    const { body } = await http.call({ method: "POST", path: "ipam/prefixes/", body: { prefix: PREFIX } });
    made.push((body as { id: number }).id);
    const claims = wanted();
    const ids = claims.map(({ id }) => id);
    const release = () => releaseClaims(netbox, ids, STACK);
    await release();
    const times: { plinth: number; bulk: number; single: number }[] = [];
    let writes = 0;
    await ticker.during(
      () => `${COUNT} claims from NetBox: round ${times.length} of ${ROUNDS}`,
      async () => {
        for (let turn = 0; turn < ROUNDS; turn++) {
          posted.length = 0;
          const plinth = await timed(async () => {
            const source = (await findSource(netbox, { from: PREFIX, path: "prefix" })) as Source;
            const { failures } = await ensureClaims(netbox, source, claims, signal);
            if (failures.length > 0) throw new Error(failures.join("\n"));
          });
          writes = posted.length;
          await release();
          const bulk = await timed(async () => {
            for (const { path, bodies } of posted) await http.call({ method: "POST", path, body: bodies });
          });
          await release();
          const single = await timed(async () => {
            for (const { path, bodies } of posted) {
              for (const body of bodies) await http.call({ method: "POST", path, body });
            }
          });
          await release();
          times.push({ plinth, bulk, single });
        }
      },
    );
    const value = round(median(times.map(({ plinth }) => plinth)));
    return [
      {
        name: `address/${COUNT}-claims/bulk-post`,
        value,
        unit: "s",
        ratio: round(median(times.map((one) => one.plinth / one.bulk))),
      },
      {
        name: `address/${COUNT}-claims/one-by-one`,
        value,
        unit: "s",
        ratio: round(median(times.map((one) => one.plinth / one.single))),
      },
      { name: `address/${COUNT}-claims/writes`, value: writes, unit: "" },
    ];
  } finally {
    await netbox.remove("ipam/prefixes", made);
    http.close();
    await close();
  }
}

/** A real NetBox when its URL and token are in the environment, else the lab's, as slow as a real one. */
async function subject(): Promise<{ config: NetBoxConfig; close: () => Promise<void> }> {
  const { PLINTH_NETBOX_URL: url, PLINTH_NETBOX_TOKEN: token } = process.env;
  if (url !== undefined && token !== undefined) return { config: { url, token }, close: async () => undefined };
  const server = new NetBoxServer({
    tokens: [{ token: TOKEN, permissions: ["*"] }],
    onRequest: ({ phase, method, items }) => (phase === "received" ? sleep(measuredCost(method, items)) : undefined),
  });
  return { config: { url: await server.listen(), token: TOKEN }, close: () => server.close() };
}

function wanted(): NetBoxClaim[] {
  return Array.from({ length: COUNT }, (_, index) => {
    const identity = { site: "bench", pool: "bench", owner: `m-${index}` };
    return {
      id: claimId(identity),
      readable: readableClaim(identity),
      site: "bench",
      stack: STACK,
      dnsName: `m-${index}.bench`,
    };
  });
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}
