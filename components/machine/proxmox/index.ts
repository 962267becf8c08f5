export { ProxmoxCsiToken, type ProxmoxCsiTokenArgs } from "./ProxmoxCsiToken";
export { ProxmoxMachines } from "./ProxmoxMachines";
