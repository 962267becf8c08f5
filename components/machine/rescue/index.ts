export { RescueMachines } from "./RescueMachines";
export { type DiskImage, rescueScript } from "./script";
export { TalosInstall, type TalosInstallArgs } from "./TalosInstall";
