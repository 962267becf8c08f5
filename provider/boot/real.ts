/** Intents in the real world. */
import { z } from "zod";
import { ProblemError } from "../../components/problem";
import { connectNetBox } from "../address/connect";
import type { AnyResource } from "../resource";
import { traced } from "../trace";
import { bootServer } from "./client";
import { type BootDrivers, intent } from "./Intent";

export const realBootDrivers: BootDrivers = {
  server: ({ config }) => {
    if (config.bootServer?.token === undefined) {
      throw new ProblemError("The boot server cannot be used:", [
        {
          path: config.bootServer === undefined ? "bootServer" : "bootServer.token",
          reason: "is not configured",
          fix: "set plinth:bootServer with url and token (secret) in the stack's configuration",
        },
      ]);
    }
    const { url, token, caCertificate } = config.bootServer;
    return traced("boot", bootServer({ url, token, ...(caCertificate !== undefined && { caCertificate }) }));
  },
  async devices(mac, context) {
    const netbox = connectNetBox(context);
    try {
      const query = { mac_address: mac };
      const found = await netbox.list("dcim/interfaces", query, z.object({ device: z.object({ name: z.string() }) }));
      return found.map(({ device }) => device.name);
    } finally {
      netbox.close();
    }
  },
  now: Date.now,
};

export const intentResource: AnyResource = intent(realBootDrivers);
