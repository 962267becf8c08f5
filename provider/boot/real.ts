/** Intents in the real world. */
import { z } from "zod";
import { isSigningKey } from "../../components/boot/permission";
import { ProblemError } from "../../components/problem";
import { connectNetBox } from "../address/connect";
import type { AnyResource } from "../resource";
import { traced } from "../trace";
import { bootServer } from "./client";
import { type BootDrivers, intent } from "./Intent";

/** The boot server of the provider's configuration, else of the environment. */
export const realBootDrivers: BootDrivers = {
  server: ({ config }) => {
    const url = config.bootServer?.url ?? process.env.PLINTH_BOOT_URL;
    const token = config.bootServer?.token ?? process.env.PLINTH_BOOT_TOKEN;
    const caCertificate = config.bootServer?.caCertificate;
    if (url === undefined || token === undefined) {
      throw unconfigured(url === undefined ? "bootServer.url" : "bootServer.token", "is not configured");
    }
    return traced("boot", bootServer({ url, token, ...(caCertificate !== undefined && { caCertificate }) }));
  },
  signingKey: ({ config }) => {
    const key = config.bootServer?.signingKey ?? process.env.PLINTH_BOOT_KEY;
    if (key === undefined) throw unconfigured("bootServer.signingKey", "is not configured");
    if (!isSigningKey(key)) throw unconfigured("bootServer.signingKey", "is not a private Ed25519 key in PEM");
    return key;
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

function unconfigured(path: string, reason: string): ProblemError {
  const fix =
    "set plinth:bootServer with url, token and signingKey (what `plinth boot key` made) in the stack's configuration, the last two as secrets";
  return new ProblemError("The boot server cannot be used:", [{ path, reason, fix }]);
}

export const intentResource: AnyResource = intent(realBootDrivers);
