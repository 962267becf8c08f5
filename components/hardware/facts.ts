import { z } from "zod";

/** What Talos tells of a machine's hardware. UUID and disk ids are identification, not proof: software can claim them. */
export interface HardwareFacts {
  /** SMBIOS. */
  readonly manufacturer: string;
  readonly product: string;
  readonly uuid: string;
  readonly memoryGiB: number | undefined;
  readonly secureBoot: boolean | undefined;
  readonly disks: readonly DiskFacts[];
  /** Ethernet links of hardware. */
  readonly links: readonly LinkFacts[];
}

export interface DiskFacts {
  /** Device path. */
  readonly path: string;
  readonly bytes: number;
  readonly wwid: string;
  readonly serial: string;
  readonly model: string;
  readonly transport: string;
  readonly busPath: string;
  readonly rotational: boolean;
}

export interface LinkFacts {
  readonly name: string;
  /** Burnt in, lower-case. */
  readonly mac: string;
  readonly driver: string;
  readonly up: boolean;
  /** Undefined while the link is down. */
  readonly speedMbit: number | undefined;
}

const text = z.string().default("");
const disk = z.object({
  dev_path: text,
  size: z.number().default(0),
  readonly: z.boolean().default(false),
  cdrom: z.boolean().default(false),
  model: text,
  serial: text,
  wwid: text,
  bus_path: text,
  transport: text,
  rotational: z.boolean().default(false),
});
const link = z.object({
  type: text,
  kind: text,
  hardwareAddr: text,
  permanentAddr: text,
  driver: text,
  linkState: z.boolean().default(false),
  speedMbit: z.number().default(0),
});
const system = z.object({ manufacturer: text, productName: text, uuid: text });
const memoryModule = z.object({ size: z.number().default(0) });
const security = z.object({ secureBoot: z.boolean() });

/** Resources of Talos that {@link hardwareFacts} reads, by the name talosctl takes. */
export const HARDWARE_RESOURCES = ["systeminformation", "disks", "links", "memorymodules", "securitystate"] as const;

/** A resource as `talosctl get -o json` prints it. */
export interface TalosResource {
  readonly id: string;
  readonly spec: unknown;
}

/** Facts of what Talos told; a kind that this Talos does not have is not in `told`. Pure. */
export function hardwareFacts(told: Readonly<Record<string, readonly TalosResource[] | undefined>>): HardwareFacts {
  const [{ manufacturer, productName, uuid } = system.parse({})] = (told.systeminformation ?? []).map(({ spec }) =>
    system.parse(spec),
  );
  const modules = told.memorymodules?.map(({ spec }) => memoryModule.parse(spec).size);
  const [state] = told.securitystate ?? [];
  return {
    manufacturer,
    product: productName,
    uuid: uuid.toLowerCase(),
    memoryGiB: modules === undefined || modules.length === 0 ? undefined : modules.reduce((a, b) => a + b, 0) / 1024,
    secureBoot: state === undefined ? undefined : security.safeParse(state.spec).data?.secureBoot,
    disks: (told.disks ?? []).flatMap(({ spec }) => {
      const { dev_path, size, bus_path, readonly, cdrom, ...rest } = disk.parse(spec);
      // What Talos itself would never install on: loop devices, optical drives.
      if (readonly || cdrom || rest.transport === "") return [];
      return [{ path: dev_path, bytes: size, busPath: bus_path, ...rest }];
    }),
    links: (told.links ?? []).flatMap(({ id, spec }) => {
      const { type, kind, hardwareAddr, permanentAddr, driver, linkState, speedMbit } = link.parse(spec);
      if (type !== "ether" || kind !== "" || id === "lo") return [];
      const mac = (permanentAddr || hardwareAddr).toLowerCase();
      // A link that is down says the largest number there is.
      const speed = linkState && speedMbit > 0 && speedMbit < 1_000_000 ? speedMbit : undefined;
      return [{ name: id, mac, driver, up: linkState, speedMbit: speed }];
    }),
  };
}
