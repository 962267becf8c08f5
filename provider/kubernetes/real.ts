/** The platform's resources in the real world. */

import type { AnyFunction } from "../function";
import { charts } from "../helm/charts";
import { runsBeside } from "../process";
import type { AnyResource } from "../resource";
import { crdBundle } from "./CrdBundle";
import { gate } from "./Gate";
import { objects } from "./objects";
import type { PlatformDrivers } from "./ports";
import { settleRelease } from "./release";

const drivers: PlatformDrivers = { objects, charts, pollMs: 1000 };

export const crdBundleResource: AnyResource = crdBundle(drivers);
export const gateResource: AnyResource = gate(drivers);
export const settleReleaseFunction: AnyFunction = settleRelease({
  ...drivers,
  helmRuns: () => runsBeside("pulumi-resource-kubernetes"),
});
