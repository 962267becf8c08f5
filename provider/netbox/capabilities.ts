/** What a NetBox minor can do, as far as plinth uses it. */
export interface Capabilities {
  /** As in `4.6`. */
  readonly minor: string;
  /** Answers carry an ETag and changes honour If-Match. Before: read, compare, write. */
  readonly etag: boolean;
  /** A change may add tags without naming those there are. Before: read, then write the whole list. */
  readonly addTags: boolean;
  /** Tokens of the form `nbt_<key>.<secret>`. */
  readonly v2Tokens: boolean;
}

/** The minors plinth is tested with, oldest first. */
export const capabilityTable: readonly Capabilities[] = [
  { minor: "4.2", etag: false, addTags: false, v2Tokens: false },
  { minor: "4.3", etag: false, addTags: false, v2Tokens: false },
  { minor: "4.4", etag: false, addTags: false, v2Tokens: false },
  { minor: "4.5", etag: false, addTags: false, v2Tokens: true },
  { minor: "4.6", etag: true, addTags: true, v2Tokens: true },
  { minor: "4.7", etag: true, addTags: true, v2Tokens: true },
];

/** What a version can do, with a warning when nobody has tried it; `undefined` when it is too old. */
export function capabilitiesOf(version: string): (Capabilities & { readonly warning?: string }) | undefined {
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number);
  const exact = capabilityTable.find((row) => row.minor === `${major}.${minor}`);
  if (exact) return exact;
  const newest = capabilityTable.at(-1);
  const oldest = capabilityTable[0];
  if (!newest || !oldest || major < 4 || (major === 4 && minor < 2)) return undefined;
  const warning = `NetBox ${version} is newer than the tested ${oldest.minor} to ${newest.minor}; plinth treats it as ${newest.minor}`;
  return { ...newest, minor: `${major}.${minor}`, warning };
}
