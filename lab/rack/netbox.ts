import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { packageRoot } from "../../components/discovery";
import type { SitePlan } from "../../components/site/plan";
import { NetBox } from "../../provider/netbox/client";
import { findSource } from "../../provider/netbox/ipam";
import { initNetBox } from "../../provider/netbox/setup";
import { notStarted, startDaemon } from "../daemon";
import { type Instance, writeAtomically } from "../instance/instance";
import type { NetBoxSettings } from "../netbox/main";
import { findByArguments, type ProcessId, stop } from "../process";

/** Longest wait for the server to listen, in seconds. */
const READY_SECONDS = 20;

/** Where the instance's NetBox is and how to get in. */
export interface NetBoxAccess {
  readonly url: string;
  readonly token: string;
}

/** The instance's NetBox if the site has a pool there: started when it does not run, with what plinth needs in it. */
export async function startNetBox(instance: Instance, plan: SitePlan): Promise<NetBoxAccess | undefined> {
  const pools = Object.values(plan.pools).filter(({ backend }) => backend === "netbox");
  if (pools.length === 0) return undefined;
  const settings = settle(instance);
  if (runningNetBox(instance) === undefined) await launch(instance);
  const access = { url: `http://${settings.host}:${settings.port}`, token: settings.token };
  const netbox = NetBox.connect(access, { signal: new AbortController().signal });
  try {
    await initNetBox(netbox, [plan.name]);
    for (const { prefix } of pools) {
      if (prefix === undefined) continue;
      const found = await findSource(netbox, { from: prefix, path: "prefix" });
      if ("reason" in found)
        await netbox.post("ipam/prefixes", { prefix, description: "made by the lab" }, z.unknown());
    }
  } finally {
    netbox.close();
  }
  return access;
}

/** Stops the instance's NetBox; what it knows stays. Returns whether it ran. */
export async function stopNetBox(instance: Instance): Promise<boolean> {
  const running = runningNetBox(instance);
  if (running !== undefined) await stop(running);
  return running !== undefined;
}

/** URL of the instance's NetBox while it runs. */
export function netboxUrl(instance: Instance): string | undefined {
  if (runningNetBox(instance) === undefined) return undefined;
  const { host, port } = settle(instance);
  return `http://${host}:${port}`;
}

function runningNetBox(instance: Instance): ProcessId | undefined {
  return findByArguments((args) => args.includes("serve") && args.at(-1) === instance.at("netbox.json"))[0];
}

/** The server's settings, decided once: the last host of the instance's network, and a token of its own. */
function settle(instance: Instance): NetBoxSettings {
  const path = instance.at("netbox.json");
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as NetBoxSettings;
  const settings: NetBoxSettings = {
    host: `${instance.read()?.subnet ?? "127.0.0"}.254`,
    port: 8000,
    file: instance.at("netbox-data.json"),
    token: randomBytes(20).toString("hex"),
  };
  writeAtomically(path, JSON.stringify(settings));
  return settings;
}

async function launch(instance: Instance): Promise<void> {
  const logFile = instance.at("netbox.log");
  const main = join(packageRoot, "dist", "lab", "netbox", "main.js");
  const ended = await startDaemon({
    ...{ program: process.execPath, args: [main, "serve", instance.at("netbox.json")], cwd: instance.folder, logFile },
    ...{ ready: '"ready":true', seconds: READY_SECONDS },
  });
  if (ended === "ready") return;
  await stopNetBox(instance);
  throw notStarted("NetBox", "netbox", ended, logFile);
}
