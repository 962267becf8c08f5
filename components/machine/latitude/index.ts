export { LatitudeMachines } from "./LatitudeMachines";
export { LatitudeServer, type LatitudeServerArgs } from "./LatitudeServer";
export { LatitudeVirtualNetwork, type LatitudeVirtualNetworkArgs } from "./LatitudeVirtualNetwork";
