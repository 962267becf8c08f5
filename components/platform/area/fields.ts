import { z } from "zod";

/** Fields that several parts of the platform have. */

/** Values of a part's chart. */
export const values = z
  .record(z.string(), z.unknown())
  .default({})
  .describe("Values of the chart over plinth's own. A key that the chart does not know is refused. In place.");

/** Name of a secret in the stack's configuration. */
export const stackSecret = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "write lower-case letters, digits and hyphens, as in proxmox-token");

/** The section with only the keys that are set: what is left out has its default further down. */
export function given<T extends object>(section: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(section).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
