import type { AnyResource } from "../resource";
import { realLatitudeDrivers } from "./drivers";
import { latitudeServer } from "./Server";
import { latitudeVirtualNetwork } from "./VirtualNetwork";

/** Rented servers, as the provider serves them. */
export const serverResource: AnyResource = latitudeServer(realLatitudeDrivers);
/** Virtual networks between them, as the provider serves them. */
export const virtualNetworkResource: AnyResource = latitudeVirtualNetwork(realLatitudeDrivers);
