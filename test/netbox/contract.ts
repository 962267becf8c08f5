import type { NetBoxServer } from "../../lab/netbox/server";
import { behaviour as behaviourOf } from "../../lab/netbox/versions";
import { type Reply, requester, startNetBox, tokens, unique } from "./support";

type Request = ReturnType<typeof requester>;

/** The server under test: a real NetBox when its URL and token are in the environment, else the lab's. */
export interface Subject {
  readonly url: string;
  readonly token: string;
  /** The lab's server; absent for a real one. */
  readonly server?: NetBoxServer;
  readonly request: Request;
  /** As in `4.6`. */
  readonly minor: string;
  /** Objects of this run carry it in their names. */
  readonly run: string;
  /** A prefix of this run in the global table, with its first three numbers. */
  prefix(more?: object): Promise<{ id: number; net: string; available: string }>;
  /** Makes an object and removes it after the test. */
  make(path: string, body: unknown): Promise<Reply["body"]>;
}

const real = process.env.PLINTH_NETBOX_URL !== undefined && process.env.PLINTH_NETBOX_TOKEN !== undefined;

let subject: Subject | undefined;
let made: string[] = [];
let nets = Math.floor(Math.random() * 200);

/** Starts the subject once per file and cleans up after every test. */
export function useSubject(): void {
  beforeAll(async () => {
    const own = real ? undefined : await startNetBox();
    const url = process.env.PLINTH_NETBOX_URL ?? own?.url ?? "";
    const token = process.env.PLINTH_NETBOX_TOKEN ?? tokens.admin;
    const request = requester(url, token);
    const { body } = await request("GET", "/api/status/");
    subject = {
      url,
      token,
      request,
      ...(own && { server: own.server }),
      minor: behaviourOf(String(body["netbox-version"])).api,
      run: unique(),
      make,
      prefix: async (more = {}) => {
        nets = (nets + 1) % 250;
        const net = `198.18.${nets}`;
        const prefix = await make("ipam/prefixes", { prefix: `${net}.0/24`, ...more });
        return { id: prefix.id, net, available: `/api/ipam/prefixes/${prefix.id}/available-ips/` };
      },
    };
  });
  afterEach(async () => {
    const { request } = the();
    const { body } = await request("GET", "/api/ipam/ip-addresses/?parent=198.18.0.0/15&limit=0");
    await request(
      "DELETE",
      "/api/ipam/ip-addresses/",
      body.results.map(({ id }: { id: number }) => ({ id })),
    );
    for (const path of made.reverse()) await request("DELETE", path);
    made = [];
  });
  afterAll(async () => subject?.server?.close());
}

async function make(path: string, body: unknown): Promise<Reply["body"]> {
  const reply = await the().request("POST", `/api/${path}/`, body);
  if (reply.status !== 201) throw new Error(`${path}: ${reply.status} ${reply.text}`);
  made.push(`/api/${path}/${reply.body.id}/`);
  return reply.body;
}

/** The subject of this file. */
export function the(): Subject {
  if (!subject) throw new Error("no server under test: call useSubject() first");
  return subject;
}

/**
 * The contract test of one behaviour. `labOnly` says why a real server cannot be made to show it at will; `from` is the
 * first minor that has it.
 */
export function behaviour(
  id: string,
  run: () => Promise<void>,
  { labOnly, from }: { labOnly?: string; from?: string } = {},
): void {
  const suffix = labOnly === undefined ? "" : ` (lab only: ${labOnly})`;
  if (labOnly !== undefined && real) {
    test.skip(`${id}${suffix}`, run);
    return;
  }
  test(`${id}${suffix}`, async () => {
    if (from !== undefined && Number(the().minor.split(".")[1]) < Number(from.split(".")[1])) return;
    await run();
  });
}
