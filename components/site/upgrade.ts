import { z } from "zod";
import { PUBLIC_FACTORY } from "../boot/assets";
import type { ReleaseTimeouts, UpgradeSettings } from "../talos/ClusterRelease";
import { formatVersion, parseVersion } from "../talos/version";

const duration = z
  .string()
  .regex(/^(?=\d)(\d+h)?(\d+m)?(\d+s)?$/, "write a duration as in 30s, 5m or 1h30m")
  .optional();

const versions = z
  .array(
    z.string().transform((text, context) => {
      const version = parseVersion(text);
      if (version !== undefined) return formatVersion(version);
      context.addIssue({ code: "custom", message: `"${text}" is not a version such as v1.13.0` });
      return z.NEVER;
    }),
  )
  .min(1)
  .optional();

/** Schema of the site file's part about upgrades. */
export const upgradeSchema = z.strictObject({
  workersAtOnce: z
    .int()
    .min(1)
    .default(1)
    .describe("Workers of one failure domain that reboot at the same time; of two domains, never."),
  together: z
    .boolean()
    .default(false)
    .describe("Whether workers may reboot while control planes do. Default: only after all of them."),
  services: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Talos services that must run before a node counts as up, as ext-iscsid. Extension services that the configuration configures always count.",
    ),
  available: z
    .strictObject({
      talos: versions.describe("Talos versions that can be had."),
      kubernetes: versions.describe("Kubernetes versions that can be had."),
    })
    .optional()
    .describe("Versions that can be had, for a site that mirrors only some. Default: the newest patch of every minor."),
  timeouts: z
    .strictObject({
      etcd: duration.describe("etcd whole again. Default: 5m."),
      ready: duration.describe(
        "A node Ready again, a control plane with its own API server, after its configuration changed. Default: 10m.",
      ),
      upgrade: duration.describe("A node back and Ready after it booted another image. Default: 20m."),
      drain: duration.describe("A node's pods gone, within their disruption budgets. Default: 5m."),
    })
    .default({})
    .describe("Longest waits for one node, as 30s, 5m or 1h30m."),
});

/** How versions change, as a {@link ClusterRelease} takes it; nothing where the site file leaves it all to the defaults. */
export interface UpgradePlan {
  readonly settings?: UpgradeSettings;
  readonly timeouts?: ReleaseTimeouts;
}

/** What is left to its default is left out: inputs of a cluster made by an earlier version stay as they are. */
export function planUpgrade(
  spec: z.output<typeof upgradeSchema> | undefined,
  {
    factory,
    secureBoot,
    platform,
  }: { readonly factory: string; readonly secureBoot: boolean; readonly platform: string },
): UpgradePlan {
  const { timeouts = {}, available, workersAtOnce = 1, together = false, services = [] } = spec ?? NOTHING;
  const settings: UpgradeSettings = {
    ...(factory !== PUBLIC_FACTORY && { factory }),
    ...(secureBoot && { secureBoot }),
    ...(platform !== "metal" && { platform }),
    ...(workersAtOnce > 1 && { workersAtOnce }),
    ...(together && { together }),
    ...(services.length > 0 && { services }),
    ...(available !== undefined && { available: withoutUndefined(available) }),
  };
  const waits = withoutUndefined(timeouts);
  return {
    ...(Object.keys(settings).length > 0 && { settings }),
    ...(Object.keys(waits).length > 0 && { timeouts: waits }),
  };
}

const NOTHING: Partial<z.output<typeof upgradeSchema>> = {};

function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
