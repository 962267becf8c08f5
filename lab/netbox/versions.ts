/** What tells one NetBox minor from another, as far as this server goes. */
export interface Behaviour {
  /** As in `4.6.8`. */
  readonly version: string;
  /** As in `4.6`: the API-Version header. */
  readonly api: string;
  /** ETag on single objects, If-Match on changes. */
  readonly etag: boolean;
  /** `add_tags` and `remove_tags` in a change; ignored, as any unknown field, where they do not exist. */
  readonly incrementalTags: boolean;
  /** Tokens of the form `nbt_<key>.<secret>`, and the Bearer keyword. */
  readonly v2Tokens: boolean;
  /** The `owner` field of every object. */
  readonly owners: boolean;
}

/** Minors this server can play, oldest first. */
export const minors = ["4.2", "4.3", "4.4", "4.5", "4.6", "4.7"] as const;

const patches: Readonly<Record<string, string>> = {
  "4.2": "4.2.9",
  "4.3": "4.3.7",
  "4.4": "4.4.10",
  "4.5": "4.5.10",
  "4.6": "4.6.8",
  "4.7": "4.7.0",
};

/** Behaviour of `4.6` or `4.6.8`; anything newer behaves as the newest known. */
export function behaviour(version: string): Behaviour {
  const [major = "4", minor = "6"] = version.split(".");
  const api = `${major}.${minor}`;
  const at = (wanted: number) => Number(major) > 4 || Number(minor) >= wanted;
  return {
    version: version === api ? (patches[api] ?? `${api}.0`) : version,
    api,
    etag: at(6),
    incrementalTags: at(6),
    v2Tokens: at(5),
    owners: at(5),
  };
}
