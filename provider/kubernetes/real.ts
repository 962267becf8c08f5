/** The platform's resources in the real world. */
import { charts } from "../helm/charts";
import type { AnyResource } from "../resource";
import { crdBundle } from "./CrdBundle";
import { gate } from "./Gate";
import { objects } from "./objects";
import type { PlatformDrivers } from "./ports";

const drivers: PlatformDrivers = { objects, charts, pollMs: 1000 };

export const crdBundleResource: AnyResource = crdBundle(drivers);
export const gateResource: AnyResource = gate(drivers);
