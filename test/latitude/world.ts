import type { ServerInputs } from "../../components/machine/latitude/LatitudeServer";
import { LatitudeError } from "../../provider/latitude/api";
import { latitude } from "../../provider/latitude/client";
import type { LatitudeDrivers } from "../../provider/latitude/drivers";
import type { OrderNote } from "../../provider/latitude/notes";
import { Promised } from "../../provider/latitude/promised";
import { latitudeServer } from "../../provider/latitude/Server";
import { latitudeVirtualNetwork } from "../../provider/latitude/VirtualNetwork";
import { Recorder } from "../provider/faults";
import { FakeLatitude, TOKEN } from "./fake";

const CHANGES = new Set(["order", "bill", "power", "release", "makeNetwork", "removeNetwork", "assign", "unassign"]);

export const NOW = Date.parse("2026-08-10T12:00:00Z");

/** The fake API behind plinth's own client, every call of which can be made to fail. */
export class World {
  readonly fake = new FakeLatitude();
  readonly recorder = new Recorder(({ name }) => new LatitudeError("unknown", `${name}: the answer was lost`));
  readonly drivers: LatitudeDrivers = {
    latitude: ({ signal }) => {
      const client = latitude(this.fake.wire(), TOKEN, { signal, pauseMs: 1 });
      const { close, ...calls } = client;
      // Letting go of a connection is no call that can fail.
      const watched = this.recorder.wrap(calls, CHANGES);
      return { ...bound(watched), close };
    },
    notes: {
      read: async (name) => this.notes.get(name),
      write: async (name, note) => void this.notes.set(name, note),
      forget: async (name) => void this.notes.delete(name),
    },
    promised: new Promised(() => this.clock),
    pollMs: 1,
    settleMs: 4,
    now: () => this.clock++,
  };
  readonly server = latitudeServer(this.drivers);
  readonly network = latitudeVirtualNetwork(this.drivers);
  private clock = NOW;
  /** What this host has noted. */
  private readonly notes = new Map<string, OrderNote>();

  /** Lets time go by. */
  wait(ms: number): void {
    this.clock += ms;
  }

  snapshot(): unknown {
    const { servers, networks, assignments } = this.fake;
    return {
      servers: servers.map(({ hostname, plan, site, billing }) => ({ hostname, plan, site, billing })),
      networks: networks.map(({ description, site }) => ({ description, site })),
      assignments: assignments.map(({ server, status }) => ({ server, status })),
    };
  }
}

/** Spreading a proxy copies its target's functions: each is taken through the proxy instead. */
function bound<T extends object>(proxy: T): T {
  return Object.fromEntries(Object.keys(proxy).map((key) => [key, proxy[key as keyof T]])) as T;
}

export const server: ServerInputs = {
  project: "home",
  site: "NYC",
  plan: "c2-small-x86",
  hostname: "home-cp-1",
  ipxe: "https://pxe.talos.dev/pxe/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba/v1.13.9/metal-amd64",
};
