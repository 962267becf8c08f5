export { VultrMachines } from "./VultrMachines";
