/** What a running machine tells of its hardware and network, for those who have only its address. */
import { documents } from "../talos/yaml";
import { run, secretPath, talosctlBinary } from "./run";

/** Longest duration of one call, in seconds. */
const SECONDS = 15;

/** What is not told is absent. */
export interface Inspection {
  readonly nodename?: string;
  readonly mac?: string;
  readonly prefixLength?: number;
  readonly gateway?: string;
  readonly disk?: { readonly wwid: string } | { readonly serial: string };
  readonly arch?: "amd64" | "arm64";
}

interface Resource {
  readonly metadata?: { readonly id?: string };
  readonly spec?: { readonly [key: string]: unknown };
}

/** Asks one machine at its own address. `talosconfig` is the text of one, and secret. */
export async function inspect(talosconfig: string, node: string, signal: AbortSignal): Promise<Inspection> {
  const get = async (type: string): Promise<readonly Resource[]> => {
    const args = [
      "get",
      type,
      "--output",
      "yaml",
      "--talosconfig",
      secretPath(0),
      "--endpoints",
      node,
      "--nodes",
      node,
    ];
    const output = await run(talosctlBinary(), { node, args, secrets: [talosconfig], seconds: SECONDS, signal });
    // A machine of another release may not know a type: what it does not tell, a person can.
    return output.code === 0 ? (documents(output.stdout) as readonly Resource[]) : [];
  };
  const [nodenames, addresses, links, routes, disks, systemDisks] = await Promise.all(
    ["nodename", "addresses", "links", "routes", "disks", "systemdisk"].map(get),
  );
  const nodename = text(nodenames?.[0], "nodename");
  const own = addresses?.find((each) => text(each, "address")?.split("/")[0] === node);
  const link = links?.find(({ metadata }) => metadata?.id === text(own, "linkName"));
  const mac = text(link, "hardwareAddr");
  const prefix = Number(text(own, "address")?.split("/")[1]);
  const gateway = routes?.map((route) => [text(route, "dst"), text(route, "gateway")]).find(isDefaultRoute)?.[1];
  const disk = diskOf(disks ?? [], text(systemDisks?.[0], "diskID"));
  return {
    ...(nodename !== undefined && { nodename }),
    ...(mac !== undefined && { mac: mac.toLowerCase() }),
    ...(Number.isInteger(prefix) && prefix < 32 && { prefixLength: prefix }),
    ...(gateway !== undefined && { gateway }),
    ...(disk !== undefined && { disk }),
  };
}

function isDefaultRoute([destination, gateway]: readonly (string | undefined)[]): boolean {
  return (destination === undefined || /^(0\.0\.0\.0|::)\/0$/.test(destination)) && gateway !== undefined;
}

/** Device names move; a disk is found by what is written on it. */
function diskOf(disks: readonly Resource[], id: string | undefined): Inspection["disk"] {
  const disk = disks.find(({ metadata }) => metadata?.id === id);
  const [wwid, serial] = [text(disk, "wwid"), text(disk, "serial")];
  if (wwid !== undefined) return { wwid };
  return serial === undefined ? undefined : { serial };
}

function text(resource: Resource | undefined, key: string): string | undefined {
  const value = resource?.spec?.[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}
