import { z } from "zod";

/** What plinth reads of NetBox's objects; everything else in them is left alone. */

const choice = z.object({ value: z.string() }).transform(({ value }) => value);
const reference = z.object({ id: z.number() });

const tag = z.object({ id: z.number(), name: z.string(), slug: z.string() });

export const ipAddressSchema = z.object({
  id: z.number(),
  /** With its mask: `10.0.3.4/24`. */
  address: z.string(),
  vrf: z.object({ id: z.number() }).nullable(),
  status: choice,
  dns_name: z.string(),
  description: z.string(),
  tags: z.array(z.object({ slug: z.string() })),
  custom_fields: z.record(z.string(), z.unknown()),
  assigned_object_type: z.string().nullable(),
  assigned_object_id: z.number().nullable(),
});
export type IpAddressRecord = z.infer<typeof ipAddressSchema>;

export const prefixSchema = z.object({
  id: z.number(),
  prefix: z.string(),
  vrf: reference.nullable(),
  is_pool: z.boolean(),
});
export type PrefixRecord = z.infer<typeof prefixSchema>;

export const rangeSchema = z.object({
  id: z.number(),
  start_address: z.string(),
  end_address: z.string(),
  vrf: reference.nullable(),
  mark_populated: z.boolean().default(false),
});
export type RangeRecord = z.infer<typeof rangeSchema>;

export const vrfSchema = z.object({ id: z.number(), name: z.string() });
export const tagSchema = tag;

export const customFieldSchema = z.object({
  id: z.number(),
  name: z.string(),
  type: choice,
  object_types: z.array(z.string()),
  unique: z.boolean().default(false),
  filter_logic: choice,
});
export type CustomFieldRecord = z.infer<typeof customFieldSchema>;

export const availableSchema = z.array(z.object({ address: z.string() }));

export const statusSchema = z.object({ "netbox-version": z.string() });

const tagsOf = z.array(z.object({ slug: z.string() }));

/** A site or a device. */
export const taggedSchema = z.object({ id: z.number(), name: z.string(), tags: tagsOf });

export const interfaceSchema = z.object({
  id: z.number(),
  name: z.string(),
  tags: tagsOf,
  primary_mac_address: z.object({ id: z.number() }).nullable(),
});

export const macAddressSchema = z.object({ id: z.number(), assigned_object_id: z.number().nullable(), tags: tagsOf });

/** A page of a list. */
export const pageSchema = z.object({ next: z.string().nullable(), results: z.array(z.unknown()) });
