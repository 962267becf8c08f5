export { HetznerMachines } from "./HetznerMachines";
