import type { DiskModel } from "./model";

/**
 * A disk selector as the expression that documents use. It means what the selector of the older form means (see
 * `DiskMatchExpression` in v1alpha1_provider.go), which leaves out virtual, read-only and optical devices unsaid.
 * An expression for a size that {@link parseSize} cannot read is never written: the check refuses it.
 */
export function diskExpression({ type, size, path, busPath, ...disk }: DiskModel): string {
  if (path !== undefined) return `disk.dev_path == ${JSON.stringify(path)}`;
  const texts = Object.entries({ ...disk, bus_path: busPath }).flatMap(([field, value]) => {
    if (value === undefined) return [];
    const text = JSON.stringify(value);
    return [value.includes("*") ? `glob(${text}, disk.${field})` : `disk.${field} == ${text}`];
  });
  const parsed = size === undefined ? undefined : parseSize(size);
  return [
    ...texts,
    ...(type === undefined ? [] : [DISK_TYPE[type]]),
    ...(parsed === undefined ? [] : [`disk.size ${parsed.comparison} ${parsed.amount}u${parsed.unit}`]),
    'disk.transport != ""',
    "!disk.readonly",
    "!disk.cdrom",
  ].join(" && ");
}

/** Kinds of disk in the terms of the expression language. */
export const DISK_TYPE: Readonly<Record<NonNullable<DiskModel["type"]>, string>> = {
  hdd: "disk.rotational",
  nvme: 'disk.transport == "nvme"',
  sd: 'disk.transport == "mmc"',
  ssd: "!disk.rotational",
};

/** A comparison with a disk's size, in the terms of the expression language. */
export interface DiskSize {
  readonly comparison: string;
  readonly amount: string;
  /** ` * GB`, or empty for bytes. */
  readonly unit: string;
}

/** Reads `>= 100GB`, `<2 TiB` or `500000000000`; without a comparison it means exactly that size. */
export function parseSize(size: string): DiskSize | undefined {
  const match = /^(<=|>=|<|>|==)?\s*(\d+)\s*(?:([KMGT])(i?)B)?$/i.exec(size.trim());
  if (match === null) return undefined;
  const [, comparison = "==", amount = "", prefix, binary] = match;
  if (prefix === undefined) return { comparison, amount, unit: "" };
  const letter = prefix.toUpperCase() === "K" && !binary ? "k" : prefix.toUpperCase();
  return { comparison, amount, unit: ` * ${letter}${binary ? "i" : ""}B` };
}
