import type { z } from "zod";
import type { NetBox, Query } from "./client";
import { NetBoxError } from "./errors";
import { managedTag, siteTag, stackField } from "./setup";
import { interfaceSchema, ipAddressSchema, macAddressSchema, taggedSchema } from "./types";

/** Interface that an address belongs to. */
export interface Port {
  /** Name of the device. */
  readonly device: string;
  /** Name of its interface. */
  readonly interface: string;
  /** Ethernet address, in any usual spelling. @default - not registered */
  readonly mac?: string;
}

/** What NetBox has to know of a device that plinth makes: slugs of objects that exist. */
export interface DeviceKind {
  readonly type: string;
  readonly role: string;
}

/** Where ports are registered. */
export interface Inventory {
  /** Slug of the site; made when it does not exist. */
  readonly site: string;
  /** For devices that do not exist yet. @default - a device must exist */
  readonly kind?: DeviceKind;
}

/** Finds the port, or makes what is missing of site, device, interface and MAC. Returns the interface's id. */
export async function registerPort(netbox: NetBox, inventory: Inventory, port: Port): Promise<number> {
  const tags = [{ slug: managedTag }, { slug: siteTag(inventory.site) }];
  const site = await findOrMake(netbox, "dcim/sites", { slug: inventory.site }, taggedSchema, {
    name: inventory.site,
    slug: inventory.site,
    tags,
  });
  const device = await findOrMake(netbox, "dcim/devices", { name: port.device, site_id: site.id }, taggedSchema, () => {
    if (!inventory.kind)
      throw new NetBoxError("missing", `NetBox has no device ${port.device} in the site ${inventory.site}`);
    const { type, role } = inventory.kind;
    return { name: port.device, device_type: { slug: type }, role: { slug: role }, site: site.id, tags };
  });
  const own = await findOrMake(
    netbox,
    "dcim/interfaces",
    { device_id: device.id, name: port.interface },
    interfaceSchema,
    {
      device: device.id,
      name: port.interface,
      type: "other",
      tags,
    },
  );
  if (port.mac !== undefined) await registerMac(netbox, own, port.mac, tags);
  return own.id;
}

/** A MAC is an object of its own, which the interface then names as its primary one. A former one of ours goes. */
async function registerMac(
  netbox: NetBox,
  own: z.infer<typeof interfaceSchema>,
  mac: string,
  tags: readonly object[],
): Promise<void> {
  const query = { mac_address: mac, interface_id: own.id };
  const record = await findOrMake(netbox, "dcim/mac-addresses", query, macAddressSchema, {
    mac_address: mac,
    assigned_object_type: "dcim.interface",
    assigned_object_id: own.id,
    tags,
  });
  if (own.primary_mac_address?.id === record.id) return;
  // The former one goes first: where the new one is named, nothing is left to do.
  await removeMacs(netbox, own.id, record.id);
  await netbox.patch(`dcim/interfaces/${own.id}`, { primary_mac_address: record.id }, interfaceSchema);
}

/** Removes the MACs that plinth made for an interface, but the one to keep. */
async function removeMacs(netbox: NetBox, interfaceId: number, keep?: number): Promise<void> {
  const macs = await netbox.list("dcim/mac-addresses", { interface_id: interfaceId }, macAddressSchema);
  const ours = macs.filter((mac) => mac.assigned_object_id === interfaceId && mac.id !== keep && isOurs(mac));
  await netbox.remove(
    "dcim/mac-addresses",
    ours.map(({ id }) => id),
  );
}

/** Takes this stack's addresses off a port, and away what plinth made for it if nothing else uses it. The site stays. */
export async function unregisterPort(netbox: NetBox, site: string, port: Port, stack: string): Promise<void> {
  const [device] = await netbox.list("dcim/devices", { name: port.device, site }, taggedSchema);
  if (!device || device.name !== port.device) return;
  const ports = await netbox.list("dcim/interfaces", { device_id: device.id }, interfaceSchema);
  const own = ports.find(({ name }) => name === port.interface);
  if (own && isOurs(own)) {
    const query = { interface_id: own.id };
    for (const record of await netbox.list("ipam/ip-addresses", query, ipAddressSchema)) {
      if (record.assigned_object_id !== own.id) continue;
      if (record.custom_fields[stackField] !== stack) return;
      const off = { assigned_object_type: null, assigned_object_id: null };
      await netbox.patch(`ipam/ip-addresses/${record.id}`, off, ipAddressSchema);
    }
    await removeMacs(netbox, own.id);
    await netbox.remove("dcim/interfaces", [own.id]);
  }
  const left = ports.filter(({ id }) => id !== own?.id).length;
  if (left === 0 && isOurs(device)) await netbox.remove("dcim/devices", [device.id]);
}

function isOurs({ tags }: { readonly tags: readonly { readonly slug: string }[] }): boolean {
  return tags.some(({ slug }) => slug === managedTag);
}

/** The object the query finds, else a new one; when it is unclear whether it was made, looks again. */
async function findOrMake<T>(
  netbox: NetBox,
  path: string,
  query: Query,
  schema: z.ZodType<T>,
  body: object | (() => object),
): Promise<T> {
  const [found] = await netbox.list(path, query, schema);
  if (found) return found;
  try {
    return await netbox.post(path, typeof body === "function" ? body() : body, schema);
  } catch (error) {
    if (!(error instanceof NetBoxError) || (error.kind !== "unknown" && error.kind !== "invalid")) throw error;
    const [made] = await netbox.list(path, query, schema);
    if (made) return made;
    throw error;
  }
}
