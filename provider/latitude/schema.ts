/** The parts of Latitude.sh's answers that plinth reads, as plain facts. */
import { z } from "zod";
import type { Offer } from "../../components/machine/latitude/plans";
import type { Assignment, Network, Route, Server, Usage } from "./api";

const text = z.string().nullish();

const plan = z.object({
  id: z.string(),
  attributes: z.object({
    slug: z.string(),
    specs: z.object({
      cpu: z.object({ cores: z.number().nullish(), count: z.number().nullish() }).nullish(),
      memory: z.object({ total: z.number().nullish() }).nullish(),
      drives: z.array(z.object({ count: z.number().nullish(), size: text, type: text })).nullish(),
      // A plan without one has an empty object here.
      gpu: z.object({ count: z.number().nullish(), type: text }).nullish(),
    }),
    regions: z.array(
      z.object({
        name: text,
        locations: z.object({ available: z.array(z.string()).nullish(), in_stock: z.array(z.string()).nullish() }),
        pricing: z
          .object({ USD: z.object({ hour: z.number().nullish(), month: z.number().nullish() }).nullish() })
          .nullish(),
      }),
    ),
  }),
});

/** Every plan at every site it is offered at. */
export const offers = z.object({ data: z.array(plan) }).transform(({ data }): Offer[] =>
  data.flatMap(({ attributes: { slug, specs, regions } }) =>
    regions.flatMap(({ name, locations, pricing }) =>
      (locations.available ?? []).map((site): Offer => {
        const gpus = specs.gpu?.count ?? 0;
        return {
          plan: slug,
          site,
          country: name ?? "",
          inStock: (locations.in_stock ?? []).includes(site),
          cores: (specs.cpu?.cores ?? 0) * (specs.cpu?.count ?? 1),
          memoryGB: specs.memory?.total ?? 0,
          drives: (specs.drives ?? []).map(({ count, size, type }) => `${count} x ${size} ${type}`).join(" + "),
          ...(gpus > 0 && { gpu: `${gpus} x ${specs.gpu?.type ?? "GPU"}` }),
          hour: pricing?.USD?.hour ?? undefined,
          month: pricing?.USD?.month ?? undefined,
        };
      }),
    ),
  ),
);

const serverData = z
  .object({
    id: z.string(),
    attributes: z.object({
      hostname: z.string(),
      status: text,
      locked: z.boolean().nullish(),
      primary_ipv4: text,
      created_at: text,
      // The answer to an order has neither region nor site yet.
      region: z.object({ site: z.object({ slug: text, rack_id: text }).nullish() }).nullish(),
      plan: z.object({ slug: text, billing: text }).nullish(),
      interfaces: z.array(z.object({ role: text, mac_address: text })).nullish(),
    }),
  })
  .transform(({ id, attributes: it }): Server => {
    const mac = (role: string) => it.interfaces?.find((each) => each.role === role)?.mac_address?.toLowerCase();
    const created = Date.parse(it.created_at ?? "");
    const billing = it.plan?.billing;
    return {
      id,
      hostname: it.hostname,
      status: it.status ?? "unknown",
      plan: it.plan?.slug ?? "",
      site: it.region?.site?.slug ?? "",
      billing: billing === "monthly" || billing === "yearly" ? billing : "hourly",
      locked: it.locked === true,
      ...(Number.isFinite(created) && { orderedAt: created }),
      ...(it.primary_ipv4 != null && { address: it.primary_ipv4 }),
      ...(it.region?.site?.rack_id != null && { rack: it.region.site.rack_id }),
      ...optional("publicMac", mac("external")),
      ...optional("privateMac", mac("internal")),
    };
  });

function optional<K extends string>(key: K, value: string | undefined): { readonly [key in K]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [key in K]?: string };
}

export const oneServer = z.object({ data: serverData }).transform(({ data }) => data);
export const manyServers = z.object({ data: z.array(serverData) }).transform(({ data }) => data);

/** Length of the network part of `255.255.255.248`. */
function maskLength(mask: string): number {
  const bits = mask.split(".").map((part) => Number(part).toString(2).padStart(8, "0"));
  return bits.join("").lastIndexOf("1") + 1;
}

export const routes = z
  .object({
    data: z.array(
      z.object({
        attributes: z.object({
          address: text,
          family: text,
          gateway: text,
          netmask: text,
          cidr: text,
          public: z.boolean().nullish(),
        }),
      }),
    ),
  })
  .transform(({ data }) =>
    data.flatMap(({ attributes: { address, gateway, netmask, cidr, public: open } }) => {
      const length = cidr?.includes("/")
        ? Number(cidr.split("/")[1])
        : netmask == null
          ? undefined
          : maskLength(netmask);
      if (address == null || gateway == null || length === undefined || open === false) return [];
      const route: Route = { prefixLength: length, gateway };
      return [{ address, route }];
    }),
  );

const networkData = z
  .object({
    id: z.string(),
    attributes: z.object({
      vid: z.int(),
      description: text,
      // A list tells the region, the answer to a new one tells the site by itself.
      site: text,
      region: z.object({ site: z.object({ slug: text }).nullish() }).nullish(),
    }),
  })
  .transform(
    ({ id, attributes: { vid, description, site, region } }): Network => ({
      id,
      vid,
      description: description ?? "",
      site: region?.site?.slug ?? site ?? "",
    }),
  );

export const oneNetwork = z.object({ data: networkData }).transform(({ data }) => data);
export const manyNetworks = z.object({ data: z.array(networkData) }).transform(({ data }) => data);

export const assignments = z
  .object({
    data: z.array(
      z.object({
        id: z.string(),
        attributes: z.object({ virtual_network_id: text, status: text, server: z.object({ id: text }).nullish() }),
      }),
    ),
  })
  .transform(({ data }): Assignment[] =>
    data.flatMap(({ id, attributes: { status, server } }) =>
      server?.id == null ? [] : [{ id, server: server.id, status: status ?? "" }],
    ),
  );

export const team = z
  .object({
    data: z
      .array(z.object({ attributes: z.object({ limits: z.object({ bare_metal: z.number().nullish() }).nullish() }) }))
      .min(1),
  })
  .transform(({ data }) => data[0]?.attributes.limits?.bare_metal ?? undefined);

export const projects = z.object({
  data: z.array(z.object({ id: z.string(), attributes: z.object({ slug: text }) })),
});

export const usage = z
  .object({
    data: z.object({
      attributes: z.object({
        products: z
          .array(
            z.object({
              name: text,
              resource: text,
              quantity: z.number().nullish(),
              unit: text,
              price: z.number().nullish(),
              metadata: z.object({ servers: z.array(z.object({ hostname: text })).nullish() }).nullish(),
            }),
          )
          .nullish(),
      }),
    }),
  })
  .transform(({ data }): Usage[] =>
    (data.attributes.products ?? []).map(({ name, resource, quantity, unit, price, metadata }) => {
      const hostname = metadata?.servers?.map((server) => server.hostname ?? "").join(" ");
      return {
        name: name ?? resource ?? "",
        ...(hostname !== undefined && hostname !== "" && { hostname }),
        quantity: quantity ?? 0,
        unit: unit ?? "",
        // Told in cents.
        price: (price ?? 0) / 100,
      };
    }),
  );
