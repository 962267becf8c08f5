/** Every resource type this provider serves. */
import { claimResource, poolResource } from "./address/real";
import { intent, realBootDrivers } from "./boot/Intent";
import { realDrivers } from "./drivers";
import { crdBundleResource, gateResource } from "./kubernetes/real";
import { realLatitudeDrivers } from "./latitude/drivers";
import { latitudeServer } from "./latitude/Server";
import { latitudeVirtualNetwork } from "./latitude/VirtualNetwork";
import { licence, realLicenceDrivers } from "./licensing/Licence";
import type { AnyResource } from "./resource";
import { bootstrap } from "./talos/Bootstrap";
import { clusterRelease } from "./talos/ClusterRelease";

const all: readonly AnyResource[] = [
  bootstrap(realDrivers),
  clusterRelease(realDrivers),
  intent(realBootDrivers),
  licence(realLicenceDrivers),
  crdBundleResource,
  gateResource,
  poolResource,
  claimResource,
  latitudeServer(realLatitudeDrivers),
  latitudeVirtualNetwork(realLatitudeDrivers),
];

export const resources: ReadonlyMap<string, AnyResource> = new Map(all.map((resource) => [resource.type, resource]));
