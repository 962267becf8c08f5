import { type AddressRange, contains, overlaps } from "../../components/address/cidr";
import { checkUnique, customFields } from "./customfields";
import { dcimBrief } from "./dcim";
import { invalid, invalidModel } from "./errors";
import { commonFilters, tagsField } from "./extras";
import { address, choice, cidrOf, computed, type Field, flag, hostOf, json, network, relation, text } from "./fields";
import { addressFilter, choiceFilter, numberFilters, parentFilter, tagFilters, textFilters } from "./filters";
import { brief, type Model } from "./model";
import type { Row, Store } from "./store";

const addressStatus = {
  active: "Active",
  reserved: "Reserved",
  deprecated: "Deprecated",
  dhcp: "DHCP",
  slaac: "SLAAC",
};
const prefixStatus = { container: "Container", active: "Active", reserved: "Reserved", deprecated: "Deprecated" };
const rangeStatus = { active: "Active", reserved: "Reserved", deprecated: "Deprecated" };
const roles = {
  loopback: "Loopback",
  secondary: "Secondary",
  anycast: "Anycast",
  vip: "VIP",
  vrrp: "VRRP",
  hsrp: "HSRP",
  glbp: "GLBP",
  carp: "CARP",
};

/** VRFs. */
export const vrfs: Model = {
  path: "ipam/vrfs",
  table: "vrfs",
  label: "VRF",
  objectType: "ipam.vrf",
  display: (row) => String(row.name),
  fields: {
    name: text({ max: 100, required: true }),
    rd: json(),
    enforce_unique: { ...flag(), initial: true },
    description: text(),
    tags: tagsField(),
  },
  filters: { ...commonFilters, ...textFilters("name"), ...tagFilters },
};

function vrfField(): Field {
  return relation("vrfs", (row, base, store) => ({
    ...brief(vrfs, row, base, store),
    name: row.name,
    rd: row.rd,
    description: row.description,
  }));
}

/** Name of the table in messages: `global table`, `VRF blue`. */
function tableName(vrf: unknown, store: Store): string {
  return typeof vrf === "number" ? `VRF ${String(store.get("vrfs", vrf)?.name)}` : "global table";
}

function enforced(vrf: unknown, store: Store, global: boolean): boolean {
  return typeof vrf === "number" ? store.get("vrfs", vrf)?.enforce_unique === true : global;
}

function family(value: unknown) {
  return { value: hostOf(value).family, label: `IPv${hostOf(value).family}` };
}

/** Both ends of a kept range. */
export function rangeOf(row: Readonly<Record<string, unknown>>): AddressRange {
  const first = hostOf(row.start_address);
  return { family: first.family, first: first.value, last: hostOf(row.end_address).value };
}

function rangeText(row: Readonly<Record<string, unknown>>): string {
  const [start = "", mask = ""] = String(row.start_address).split("/");
  const end = String(row.end_address).split("/")[0] ?? "";
  const shared = start.slice(0, start.lastIndexOf(".") + 1);
  const tail = shared !== "" && end.startsWith(shared) ? end.slice(shared.length) : end;
  return `${start}-${tail}/${mask}`;
}

function byAddress(field: string) {
  return (a: Row, b: Row) => {
    const [left, right] = [hostOf(a[field]), hostOf(b[field])];
    return left.family - right.family || (left.value < right.value ? -1 : left.value > right.value ? 1 : a.id - b.id);
  };
}

/** IP addresses. */
export const ipAddresses: Model = {
  path: "ipam/ip-addresses",
  table: "ip-addresses",
  label: "IPAddress",
  objectType: "ipam.ipaddress",
  display: (row) => String(row.address),
  order: byAddress("address"),
  fields: {
    family: computed((_value, _store, row) => family(row.address)),
    address: address(),
    vrf: vrfField(),
    tenant: json(),
    status: choice(addressStatus, "active"),
    role: choice(roles, null),
    assigned_object_type: json(),
    assigned_object_id: json(),
    assigned_object: computed((_value, store, row, base) => {
      const found =
        row.assigned_object_type === "dcim.interface" && store.get("interfaces", Number(row.assigned_object_id));
      return found ? dcimBrief(found, base, store) : null;
    }),
    nat_inside: json(),
    nat_outside: computed(() => []),
    dns_name: text({
      max: 255,
      parse: (value, name) => {
        const read = String(value).toLowerCase();
        if (/^([0-9a-z_*-]+(\.[0-9a-z_-]+)*\.?)?$/.test(read)) return read;
        throw invalid(
          name,
          "Only alphanumeric characters, asterisks, hyphens, periods, and underscores are allowed in DNS names",
        );
      },
    }),
    description: text(),
    comments: text({ max: 100_000 }),
    tags: tagsField(),
    custom_fields: customFields("ipam.ipaddress"),
  },
  filters: {
    ...commonFilters,
    ...tagFilters,
    ...choiceFilter("status", Object.keys(addressStatus)),
    ...textFilters("description"),
    ...textFilters("dns_name"),
    ...numberFilters("vrf_id", "vrf"),
    ...numberFilters("interface_id", "assigned_object_id"),
    address: addressFilter("address"),
    parent: parentFilter("address"),
    assigned_to_interface: { match: (row, [want]) => (row.assigned_object_id !== null) === (want === "true") },
    device: {
      match: (row, values, store) => {
        const port = store.get("interfaces", Number(row.assigned_object_id));
        const device = port && store.get("devices", Number(port.device));
        return device !== undefined && values.includes(String(device.name));
      },
    },
    device_id: {
      match: (row, values, store) =>
        values.includes(String(store.get("interfaces", Number(row.assigned_object_id))?.device)),
    },
    q: {
      match: (row, values) =>
        values.every((want) =>
          [row.dns_name, row.description, row.address].some((text) => String(text).includes(want)),
        ),
    },
  },
  check: (row, store, settings, self) => {
    const own = hostOf(row.address);
    if (row.assigned_object_type !== null && !store.get("interfaces", Number(row.assigned_object_id))) {
      throw invalid(
        "assigned_object_id",
        `Related object not found using the provided value: ${String(row.assigned_object_id)}.`,
      );
    }
    if (enforced(row.vrf, store, settings.enforceGlobalUnique)) {
      const twin = store.all("ip-addresses").find((other) => {
        const host = hostOf(other.address);
        return other.id !== self && other.vrf === row.vrf && host.family === own.family && host.value === own.value;
      });
      if (twin)
        throw invalid("address", `Duplicate IP address found in ${tableName(row.vrf, store)}: ${String(twin.address)}`);
    }
    const populated = store
      .all("ip-ranges")
      .find((range) => range.mark_populated === true && range.vrf === row.vrf && contains(rangeOf(range), own));
    if (populated && self === undefined) {
      throw invalid("address", `Cannot create IP address ${String(row.address)} inside range ${rangeText(populated)}.`);
    }
    checkUnique(store, "ip-addresses", "ipam.ipaddress", row, self);
  },
};

/** Prefixes. */
export const prefixes: Model = {
  path: "ipam/prefixes",
  table: "prefixes",
  label: "Prefix",
  objectType: "ipam.prefix",
  display: (row) => String(row.prefix),
  order: byAddress("prefix"),
  fields: {
    family: computed((_value, _store, row) => family(row.prefix)),
    prefix: network(),
    vrf: vrfField(),
    scope_type: json(),
    scope_id: json(),
    tenant: json(),
    vlan: json(),
    status: choice(prefixStatus, "active"),
    role: json(),
    is_pool: flag(),
    mark_utilized: flag(),
    description: text(),
    comments: text({ max: 100_000 }),
    tags: tagsField(),
    custom_fields: customFields("ipam.prefix"),
  },
  filters: {
    ...commonFilters,
    ...tagFilters,
    ...choiceFilter("status", Object.keys(prefixStatus)),
    ...textFilters("description"),
    ...numberFilters("vrf_id", "vrf"),
    prefix: { match: (row, values) => values.includes(String(row.prefix)) },
    contains: {
      match: (row, values) =>
        values.some((want) => {
          const host = hostOf(want.includes("/") ? want : `${want}/${want.includes(":") ? 128 : 32}`);
          const own = cidrOf(row.prefix);
          return contains(own, host) && own.prefixLength <= host.mask;
        }),
    },
    within: {
      match: (row, values) => values.some((want) => contains(cidrOf(want), cidrOf(row.prefix)) && row.prefix !== want),
    },
  },
  check: (row, store, settings, self) => {
    if (!enforced(row.vrf, store, settings.enforceGlobalUnique)) return;
    const twin = store
      .all("prefixes")
      .find((other) => other.id !== self && other.vrf === row.vrf && other.prefix === row.prefix);
    if (twin) throw invalid("prefix", `Duplicate prefix found in ${tableName(row.vrf, store)}: ${String(twin.prefix)}`);
  },
};

/** IP ranges. */
export const ipRanges: Model = {
  path: "ipam/ip-ranges",
  table: "ip-ranges",
  label: "IPRange",
  objectType: "ipam.iprange",
  display: (row) => rangeText(row),
  order: byAddress("start_address"),
  fields: {
    family: computed((_value, _store, row) => family(row.start_address)),
    start_address: address(),
    end_address: address(),
    size: computed((_value, _store, row) => Number(rangeOf(row).last - rangeOf(row).first + 1n)),
    vrf: vrfField(),
    tenant: json(),
    status: choice(rangeStatus, "active"),
    role: json(),
    description: text(),
    comments: text({ max: 100_000 }),
    tags: tagsField(),
    custom_fields: customFields("ipam.iprange"),
    mark_populated: flag(),
    mark_utilized: flag(),
  },
  filters: {
    ...commonFilters,
    ...tagFilters,
    ...choiceFilter("status", Object.keys(rangeStatus)),
    ...textFilters("description"),
    ...numberFilters("vrf_id", "vrf"),
    start_address: addressFilter("start_address"),
    end_address: addressFilter("end_address"),
    parent: parentFilter("start_address"),
    contains: {
      match: (row, values) =>
        values.some((want) => {
          const host = hostOf(want.includes("/") ? want : `${want}/${want.includes(":") ? 128 : 32}`);
          return contains(rangeOf(row), host) && hostOf(row.start_address).mask === host.mask;
        }),
    },
  },
  check: (row, store, _settings, self) => {
    const own = rangeOf(row);
    if (own.last < own.first)
      throw invalid(
        "end_address",
        `Ending address must be greater than the starting address (${String(row.start_address)})`,
      );
    if (hostOf(row.start_address).mask !== hostOf(row.end_address).mask)
      throw invalid("end_address", "Starting and ending IP address masks must match");
    const other = store
      .all("ip-ranges")
      .find((range) => range.id !== self && range.vrf === row.vrf && overlaps(rangeOf(range), own));
    if (other)
      throw invalidModel(`Defined addresses overlap with range ${rangeText(other)} in VRF ${vrfName(row.vrf, store)}`);
  },
};

function vrfName(vrf: unknown, store: Store): string {
  return typeof vrf === "number" ? String(store.get("vrfs", vrf)?.name) : "None";
}
