import { z } from "zod";
import { cidr, complain, host, ipAddress, name, proxyUrl, range } from "../fields";

const claim = z
  .strictObject({
    pool: name.describe("Pool of this site that gives the address."),
    address: ipAddress.optional().describe("Wish for exactly this address of the pool. Default: any free one."),
  })
  .describe("Address from a pool; the same machine keeps the same address for ever.");

/** An address as written, or a claim on one of a pool. */
export const address = z.union([ipAddress, claim]);

const slug = z.string().regex(/^[-a-z0-9_]+$/, "is not a slug of NetBox, as in bare-metal-node");

const register = z
  .strictObject({
    interface: z
      .string()
      .min(1)
      .default("net0")
      .describe("Name of the interface that has a machine's MAC address and its address. In place."),
    devices: z
      .strictObject({
        type: slug.describe("Slug of a device type that exists in NetBox."),
        role: slug.describe("Slug of a device role that exists in NetBox."),
      })
      .optional()
      .describe("What a device is made as that NetBox does not have yet. Default: every device must exist."),
  })
  .describe("Show in NetBox which machine has which address: site, device, interface and MAC address. In place.");

/** A pool of addresses. */
export const pool = z.strictObject({
  backend: z
    .enum(["static", "netbox"])
    .default("static")
    .describe(
      "Who keeps the addresses: this stack's state (static) or NetBox. A change is refused while claims exist.",
    ),
  range: range
    .optional()
    .describe("First and last address, as in 10.0.3.4-10.0.3.20, or a CIDR. Widening changes nothing."),
  prefix: cidr.optional().describe("NetBox prefix that addresses are taken from. Only with backend netbox."),
  vrf: z.string().min(1).optional().describe("NetBox VRF of the prefix, by name. Default: the global table."),
  exclude: z.array(range).default([]).describe("Addresses and ranges that are never given out. In place."),
  register: register
    .optional()
    .describe("Register the machines of this pool in NetBox. Only with backend netbox. Default: addresses alone."),
});

/** The network that the machines are in. */
export const network = z.strictObject({
  cidr: cidr.describe("Network of the machines. A change is for a new site: running machines keep their addresses."),
  gateway: ipAddress
    .optional()
    .describe("Default route. Default: none (the machines reach nothing outside). In place."),
  nameservers: z.array(ipAddress).default([]).describe("DNS servers. Default: none, no DNS. In place."),
  ntp: z.array(host).default([]).describe("Time servers. Default: Talos' own. In place."),
  vip: address
    .optional()
    .describe(
      "Address of the Kubernetes API, held by one control plane at a time. Default: the address of a single control plane. A change replaces the endpoint of every client.",
    ),
  endpoint: host
    .optional()
    .describe(
      "Name or address under which the Kubernetes API is called, where that is not the VIP: a DNS name of every control plane, or a load balancer. Default: network.vip. A change replaces the endpoint of every client.",
    ),
  proxy: z
    .strictObject({
      http: proxyUrl.optional().describe("Proxy for http. Default: none."),
      https: proxyUrl.optional().describe("Proxy for https. Default: none."),
      exclude: z
        .array(z.string().min(1))
        .default([])
        .describe("Hosts, suffixes and CIDRs that are reached directly, beside the site's own networks."),
    })
    .superRefine(({ http, https }, ctx) => {
      if (http !== undefined || https !== undefined) return;
      complain(ctx, "names no proxy", "write http, https or both, or leave network.proxy out");
    })
    .optional()
    .describe("HTTP proxy of every machine. A change reboots every node."),
  pods: cidr.default("10.244.0.0/16").describe("Pod network. A change replaces the cluster."),
  services: cidr.default("10.96.0.0/12").describe("Service network. A change replaces the cluster."),
  mtu: z
    .int()
    .min(1280)
    .max(9216)
    .optional()
    .describe("MTU of the machines' link, in bytes. Default: the link's own. In place."),
});
