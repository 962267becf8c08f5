import { z } from "zod";

/** What a licence and a revocation list say, as they are signed. */

/** Moment in UTC, to the second, as in 2027-01-31T00:00:00Z. */
export const instant = z.iso.datetime({ precision: 0, error: "is not a moment as in 2027-01-31T00:00:00Z" });

/** Name of a licence; renewals keep it. */
export const licenceId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "is not a name of 1 to 63 lower-case letters, digits and hyphens");

const sequence = z
  .int()
  .min(1)
  .max(2 ** 31);
const limit = z.int().min(0).max(1_000_000).exactOptional();
const deviceList = z.array(z.string().min(1).max(128)).max(256);

const DAY = 86_400_000;
/** No licence is sold for longer; a date beyond is a slip of the pen that nobody would notice in time. */
export const LONGEST_DAYS = 36_525;

/** What a licence says. `tier` and `features` may be of a later plinth than the one that reads it. */
export const licenceClaims = z
  .strictObject({
    v: z.literal(1),
    id: licenceId,
    /** Raised by every renewal: a lower one is never accepted after a higher one. */
    sequence,
    customer: z.string().min(1).max(200),
    tier: z.string().min(1).max(63),
    /** Beside those of the tier. */
    features: z.array(z.string().min(1).max(63)).max(64),
    /** Instead of those of the tier, each for itself. */
    limits: z.strictObject({ sites: limit, nodes: limit, gpus: limit }),
    issued: instant,
    notBefore: instant,
    notAfter: instant,
    /** Days after `notAfter` in which everything goes on as before. */
    graceDays: z.int().min(0).max(365),
    /** The site that has any of these: SMBIOS UUIDs, WWIDs of disks. */
    devices: z.strictObject({ uuids: deviceList, wwids: deviceList }).exactOptional(),
  })
  .superRefine(({ issued, notBefore, notAfter }, context) => {
    if (Date.parse(notAfter) <= Date.parse(notBefore))
      context.addIssue({ code: "custom", path: ["notAfter"], message: `is not after notBefore, ${notBefore}` });
    if (Date.parse(issued) > Date.parse(notAfter))
      context.addIssue({
        code: "custom",
        path: ["issued"],
        message: `is after notAfter, ${notAfter}: by which clock?`,
      });
    if (Date.parse(notAfter) - Date.parse(issued) > LONGEST_DAYS * DAY)
      context.addIssue({ code: "custom", path: ["notAfter"], message: "is more than a hundred years away" });
  });

/** What a revocation list says. It holds every revocation so far, so that the newest list is all one needs. */
export const revocationClaims = z.strictObject({
  v: z.literal(1),
  /** Raised by every new list. */
  sequence,
  issued: instant,
  revoked: z
    .array(
      z.strictObject({
        id: licenceId,
        /** The licence of this sequence and every earlier one; a later renewal is good. */
        sequence,
        reason: z.string().min(1).max(200),
      }),
    )
    .max(10_000),
});

/** What a licence says. */
export type Licence = z.output<typeof licenceClaims>;
/** What a revocation list says. */
export type Revocations = z.output<typeof revocationClaims>;
