import { customFields } from "./customfields";
import { invalid } from "./errors";
import { commonFilters, tagsField } from "./extras";
import { choice, computed, type Field, flag, json, relation, text } from "./fields";
import { choiceFilter, numberFilters, tagFilters, textFilters } from "./filters";
import { brief, type Model } from "./model";
import type { Row, Store } from "./store";

function named(path: string, label: string, objectType: string, more: Readonly<Record<string, Field>> = {}): Model {
  return {
    path,
    table: path.split("/")[1] ?? path,
    label,
    objectType,
    display: (row) => String(row.name ?? row.model),
    fields: {
      name: text({ max: 100, required: true }),
      slug: text({ max: 100, required: true }),
      description: text(),
      tags: tagsField(),
      ...more,
    },
    filters: { ...commonFilters, ...tagFilters, ...textFilters("name"), ...textFilters("slug") },
  };
}

/** Sites. */
export const sites = named("dcim/sites", "Site", "dcim.site", {
  status: choice({ active: "Active", planned: "Planned" }, "active"),
});
/** Makers of devices. */
export const manufacturers = named("dcim/manufacturers", "Manufacturer", "dcim.manufacturer");
/** What a device is for. */
export const deviceRoles = named("dcim/device-roles", "DeviceRole", "dcim.devicerole", {
  color: text({ max: 6, initial: "9e9e9e" }),
});

function nested(model: Model, more: Field = {}): Field {
  return relation(
    model.table,
    (row, base, store) => ({ ...brief(model, row, base, store), name: row.name, slug: row.slug }),
    more,
  );
}

/** Models of devices. */
export const deviceTypes: Model = {
  ...named("dcim/device-types", "DeviceType", "dcim.devicetype"),
  fields: {
    manufacturer: nested(manufacturers, { required: true }),
    model: text({ max: 100, required: true }),
    slug: text({ max: 100, required: true }),
  },
  filters: { ...commonFilters, ...textFilters("model"), ...textFilters("slug") },
};

/** Devices. */
export const devices: Model = {
  path: "dcim/devices",
  table: "devices",
  label: "Device",
  objectType: "dcim.device",
  display: (row) => String(row.name),
  fields: {
    name: text({ max: 64, required: true }),
    device_type: relation(
      "device-types",
      (row, base, store) => ({ ...brief(deviceTypes, row, base, store), model: row.model, slug: row.slug }),
      { required: true },
    ),
    role: nested(deviceRoles, { required: true }),
    site: nested(sites, { required: true }),
    status: choice({ active: "Active", planned: "Planned", offline: "Offline" }, "active"),
    primary_ip4: json(),
    tags: tagsField(),
    custom_fields: customFields("dcim.device"),
  },
  filters: {
    ...commonFilters,
    ...tagFilters,
    ...textFilters("name"),
    ...numberFilters("site_id", "site"),
    site: { match: (row, values, store) => values.includes(String(store.get("sites", Number(row.site))?.slug)) },
  },
  removed: (row, store) => {
    for (const port of store.all("interfaces").filter((one) => one.device === row.id)) {
      interfaces.removed?.(port, store);
      store.remove("interfaces", port.id);
    }
  },
};

const macForm = /^([0-9A-F]{2}:){5}[0-9A-F]{2}$/;

/** `02:00:00:00:00:01` in upper case, from any of the usual spellings. */
function normalMac(value: unknown): string {
  const digits = String(value).toUpperCase().replace(/[:.-]/g, "");
  return digits.match(/../g)?.join(":") ?? "";
}

function macBrief(row: Row, base: string, store: Store) {
  return { ...brief(macAddresses, row, base, store), mac_address: row.mac_address, description: row.description };
}

/** Interfaces of devices. Their MAC is an object of its own: a `mac_address` that is sent here is dropped. */
export const interfaces: Model = {
  path: "dcim/interfaces",
  table: "interfaces",
  label: "Interface",
  objectType: "dcim.interface",
  display: (row) => String(row.name),
  fields: {
    device: relation("devices", (row, base, store) => ({ ...brief(devices, row, base, store), name: row.name }), {
      required: true,
    }),
    name: text({ max: 64, required: true }),
    type: {
      ...choice(
        { other: "Other", virtual: "Virtual", "1000base-t": "1000BASE-T (1GE)", "10gbase-x-sfpp": "SFP+ (10GE)" },
        null,
      ),
      required: true,
    },
    enabled: { ...flag(), initial: true },
    primary_mac_address: relation("mac-addresses", macBrief),
    mac_address: computed(
      (_value, store, row) => store.get("mac-addresses", Number(row.primary_mac_address))?.mac_address ?? null,
    ),
    mac_addresses: computed((_value, store, row, base) =>
      store
        .all("mac-addresses")
        .filter((mac) => mac.assigned_object_type === "dcim.interface" && mac.assigned_object_id === row.id)
        .map((mac) => macBrief(mac, base, store)),
    ),
    description: text(),
    tags: tagsField(),
    custom_fields: customFields("dcim.interface"),
  },
  filters: {
    ...commonFilters,
    ...tagFilters,
    ...textFilters("name"),
    ...numberFilters("device_id", "device"),
    device: { match: (row, values, store) => values.includes(String(store.get("devices", Number(row.device))?.name)) },
    mac_address: {
      match: (row, values, store) =>
        store
          .all("mac-addresses")
          .some((mac) => mac.assigned_object_id === row.id && values.map(normalMac).includes(String(mac.mac_address))),
    },
  },
  removed: (row, store) => {
    for (const table of ["ip-addresses", "mac-addresses"]) {
      for (const one of store.all(table)) {
        if (one.assigned_object_type === "dcim.interface" && one.assigned_object_id === row.id)
          store.remove(table, one.id);
      }
    }
  },
};

/** An interface where an address refers to it. */
export function dcimBrief(row: Row, base: string, store: Store): Record<string, unknown> {
  const device = store.get("devices", Number(row.device));
  return {
    ...brief(interfaces, row, base, store),
    device: device ? { ...brief(devices, device, base, store), name: device.name } : null,
    name: row.name,
  };
}

/** MAC addresses, which need not be unique. */
export const macAddresses: Model = {
  path: "dcim/mac-addresses",
  table: "mac-addresses",
  label: "MACAddress",
  objectType: "dcim.macaddress",
  display: (row) => String(row.mac_address),
  fields: {
    mac_address: {
      required: true,
      parse: (value, name) => {
        const mac = normalMac(value);
        if (macForm.test(mac)) return mac;
        throw invalid(name, `Invalid MAC address format: ${String(value)}`);
      },
    },
    assigned_object_type: json(),
    assigned_object_id: json(),
    assigned_object: computed((_value, store, row, base) => {
      const port =
        row.assigned_object_type === "dcim.interface" && store.get("interfaces", Number(row.assigned_object_id));
      return port ? dcimBrief(port, base, store) : null;
    }),
    description: text(),
    tags: tagsField(),
    custom_fields: customFields("dcim.macaddress"),
  },
  filters: {
    ...commonFilters,
    ...tagFilters,
    ...choiceFilter("assigned_object_type", ["dcim.interface"]),
    ...numberFilters("interface_id", "assigned_object_id"),
    mac_address: { match: (row, values) => values.map(normalMac).includes(String(row.mac_address)) },
  },
  removed: (row, store) => {
    for (const port of store.all("interfaces").filter((one) => one.primary_mac_address === row.id)) {
      store.update("interfaces", port.id, { primary_mac_address: null });
    }
  },
};
