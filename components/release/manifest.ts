import { z } from "zod";
import { type Problem, ProblemError } from "../problem";
import { normaliseVersion } from "../talos/version";

/** What a release of plinth brings, as its channel carries it. */

/** Where releases are taken from: stable for everybody, candidate for a test site, edge for the curious. */
export const CHANNELS = ["stable", "candidate", "edge"] as const;
/** A channel. */
export type Channel = (typeof CHANNELS)[number];

const version = z.string().regex(/^\d+\.\d+\.\d+$/, "is no version as in 0.2.0");
const pin = z
  .string()
  .max(32)
  .refine((text) => normaliseVersion(text) === text, "is no version as in v1.13.9");

/** Site-file paths that a release may set: a release edits no other line of anybody's site. */
export const PINS = { talos: ["talos", "version"], kubernetes: ["kubernetes", "version"] } as const;

export const manifestSchema = z.strictObject({
  v: z.literal(1),
  channel: z.enum(CHANNELS),
  version,
  /** The oldest plinth that can go to it in one step. */
  from: version,
  /** What changes, for people. */
  notes: z.string().max(20_000),
  /** What a site file is set to. */
  pins: z.strictObject({ talos: pin.exactOptional(), kubernetes: pin.exactOptional() }),
  /** SHA-256 of versions.yaml, which names every chart and image of the release. */
  versions: z.string().regex(/^[0-9a-f]{64}$/),
  charts: z.record(z.string().max(100), z.string().max(100)),
  images: z.array(z.string().max(500)).max(2_000),
});

/** What a release brings. */
export type Manifest = z.output<typeof manifestSchema>;

/** A manifest from JSON text that is signed already. @throws ProblemError */
export function parseManifest(text: string, path: string): Manifest {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    raw = undefined;
  }
  const parsed = manifestSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue): Problem => ({
      path: [path, ...issue.path].join("."),
      reason: issue.message,
      fix: "update plinth if the release is a later one's, or tell the vendor",
    }),
  );
  throw new ProblemError("The release cannot be read:", problems);
}
