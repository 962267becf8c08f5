import { z } from "zod";
import type { PoolClaim, PoolInputs, PoolOutputs } from "../../components/address/IpPool";
import { durationSeconds } from "../wait";

const name = z.string().min(1).max(100);

const port = z.strictObject({
  device: name,
  interface: name,
  mac: z
    .string()
    .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, "is not a MAC address such as 52:54:00:12:34:56")
    .exactOptional(),
});

/** Fields of a claim beside its identity. */
export const claimFields = {
  purpose: name.exactOptional(),
  address: z.string().exactOptional(),
  dnsName: z.string().max(255).exactOptional(),
  description: z.string().max(200, "is longer than the 200 letters NetBox keeps").exactOptional(),
  register: port.exactOptional(),
};

const claim = z.strictObject(claimFields) satisfies z.ZodType<PoolClaim>;

export const poolInputs: z.ZodType<PoolInputs> = z.strictObject({
  site: name,
  name,
  backend: z.enum(["static", "netbox"]).exactOptional(),
  range: z.string().exactOptional(),
  prefix: z.string().exactOptional(),
  vrf: name.exactOptional(),
  exclude: z.array(z.string()).exactOptional(),
  reserved: z.record(z.string(), z.string()).exactOptional(),
  quarantine: z
    .strictObject({
      generations: z.int().min(0).max(1000).exactOptional(),
      minimum: z
        .string()
        .refine((text) => durationSeconds(text) !== undefined, "is not a duration such as 24h or 30m")
        .exactOptional(),
    })
    .exactOptional(),
  deviceKind: z.strictObject({ type: name, role: name }).exactOptional(),
  claims: z.record(name, claim),
});

/** Every output may be absent: a partial result of an earlier run is read as well. */
export const poolOutputs = z.object({
  addresses: z.record(z.string(), z.string()).default({}),
  generation: z.number().default(0),
  resting: z
    .array(z.object({ id: z.string(), address: z.string(), generation: z.number(), until: z.string() }))
    .default([]),
  asOf: z.string().exactOptional(),
  pending: z.array(z.string()).default([]),
  orphans: z.array(z.string()).default([]),
  strays: z.array(port).default([]),
}) satisfies z.ZodType<PoolOutputs, unknown>;
