/** Every resource type this provider serves. */
import { claimResource, poolResource } from "./address/real";
import { intent, realBootDrivers } from "./boot/Intent";
import { realDrivers } from "./drivers";
import { hardwareMatch, realHardwareDrivers } from "./hardware/Match";
import { crdBundleResource, gateResource } from "./kubernetes/real";
import { licence, realLicenceDrivers } from "./licensing/Licence";
import type { AnyResource } from "./resource";
import { bootstrap } from "./talos/Bootstrap";
import { clusterRelease } from "./talos/ClusterRelease";

const all: readonly AnyResource[] = [
  bootstrap(realDrivers),
  clusterRelease(realDrivers),
  intent(realBootDrivers),
  hardwareMatch(realHardwareDrivers),
  licence(realLicenceDrivers),
  crdBundleResource,
  gateResource,
  poolResource,
  claimResource,
];

export const resources: ReadonlyMap<string, AnyResource> = new Map(all.map((resource) => [resource.type, resource]));
