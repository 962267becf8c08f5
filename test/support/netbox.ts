import { type ApiRequest, answer } from "../../lab/netbox/api";
import type { Scope } from "../../lab/netbox/objects";
import { Store } from "../../lab/netbox/store";
import { behaviour } from "../../lab/netbox/versions";
import { judge } from "../../provider/netbox/answer";
import { NetBox } from "../../provider/netbox/client";
import type { Transport } from "../../provider/netbox/http";

const token = "0123456789abcdef0123456789abcdef01234567";

/** A NetBox inside the test's own process: the lab server's behaviour and plinth's client, without a network. */
export class LocalNetBox {
  readonly store = new Store();
  private readonly scope: Scope = {
    store: this.store,
    settings: { enforceGlobalUnique: true },
    version: behaviour("4.6"),
  };

  constructor() {
    const field = { object_types: ["ipam.ipaddress"], type: "text", filter_logic: "exact" };
    this.send("POST", "extras/custom-fields/", { ...field, name: "plinth_claim", unique: true });
    this.send("POST", "extras/custom-fields/", { ...field, name: "plinth_stack" });
    for (const slug of ["managed-by-plinth", "plinth-site-home"])
      this.send("POST", "extras/tags/", { name: slug, slug });
    this.send("POST", "dcim/manufacturers/", { name: "Sim", slug: "sim" });
    this.send("POST", "dcim/device-types/", { manufacturer: { slug: "sim" }, model: "Node", slug: "node" });
    this.send("POST", "dcim/device-roles/", { name: "Node", slug: "node" });
  }

  /** A client of its own. */
  client(): NetBox {
    const transport: Transport = {
      call: async ({ method, path, body, ifMatch }) => {
        const reply = this.send(method, path, body, ifMatch);
        const text = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body ?? "");
        const type = typeof reply.body === "string" ? "text/html" : "application/json";
        const headers = {
          "content-type": type,
          ...(reply.headers?.ETag !== undefined && { etag: reply.headers.ETag }),
        };
        const raw = { status: reply.status, headers, text: reply.body === undefined ? "" : text };
        return judge({ method, path }, raw, "http://netbox");
      },
      close: () => undefined,
    };
    return new NetBox(transport);
  }

  /** One request, answered. */
  send(method: ApiRequest["method"], path: string, body?: unknown, ifMatch?: string) {
    return answer(
      {
        method,
        url: new URL(`http://netbox/api/${path}`),
        headers: { authorization: `Token ${token}`, "content-type": "application/json", "if-match": ifMatch },
        body: JSON.stringify(body) ?? "",
      },
      this.scope,
      [{ token, permissions: ["*"] }],
    );
  }

  /** Addresses as people see them, by address; without ids and times. */
  records() {
    return this.store
      .all("ip-addresses")
      .map(({ address, description, status, dns_name, custom_fields }) => ({
        address,
        description,
        status,
        dns_name,
        custom_fields,
      }))
      .sort((a, b) => String(a.address).localeCompare(String(b.address), "en", { numeric: true }));
  }

  /** Devices with their interfaces, MACs and addresses, as `cp-1/net0 52:54:…:01 10.0.3.2/27`. */
  ports() {
    const of = (table: string, id: number) => this.store.all(table).filter((row) => row.assigned_object_id === id);
    const list = this.store.all("devices").flatMap((device) =>
      this.store
        .all("interfaces")
        .filter((port) => port.device === device.id)
        .map(({ id, name, primary_mac_address }) => {
          const primary = this.store.get("mac-addresses", Number(primary_mac_address))?.mac_address ?? "-";
          const macs = of("mac-addresses", id).length;
          const addresses = of("ip-addresses", id).map(({ address }) => address);
          return `${String(device.name)}/${String(name)} ${String(primary)} (${macs}) ${addresses.join(" ")}`;
        }),
    );
    return list.sort();
  }
}
