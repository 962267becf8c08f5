import type { PoolInputs, PoolPort } from "../../components/address/IpPool";
import type { NetBox } from "../netbox/client";
import { registerPort, unregisterPort } from "../netbox/devices";

/** Interfaces of a pool's claims, by owner. */
function portsOf({ claims }: PoolInputs): Map<string, PoolPort> {
  return new Map(Object.entries(claims).flatMap(([owner, { register }]) => (register ? [[owner, register]] : [])));
}

function samePort(a: PoolPort, b: PoolPort): boolean {
  return a.device === b.device && a.interface === b.interface;
}

/** Interfaces by owner, and why the rest has none. */
export interface Ports {
  readonly ids: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

/** Registers every interface that the claims name. One that fails leaves its claim's address without an interface. */
export async function registerPorts(netbox: NetBox, inputs: PoolInputs, signal: AbortSignal): Promise<Ports> {
  const ids = new Map<string, number>();
  const failures: string[] = [];
  const { site, deviceKind: kind } = inputs;
  for (const [owner, port] of portsOf(inputs)) {
    try {
      signal.throwIfAborted();
      ids.set(owner, await registerPort(netbox, { site, ...(kind && { kind }) }, port));
    } catch (error) {
      failures.push(`${port.device}/${port.interface}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { ids, failures };
}

/** Interfaces of the stored claims, and those left over before, that the new inputs do not name. */
export function strayPorts(inputs: PoolInputs | undefined, prior: PoolInputs, strays: readonly PoolPort[]): PoolPort[] {
  const wanted = inputs ? [...portsOf(inputs).values()] : [];
  return [...portsOf(prior).values(), ...strays].filter((port) => !wanted.some((one) => samePort(one, port)));
}

/** Takes interfaces back. Returns those that could not be; the reasons are added to `failures`. */
export async function unregisterPorts(
  netbox: NetBox,
  { site, stack }: { readonly site: string; readonly stack: string },
  ports: readonly PoolPort[],
  signal: AbortSignal,
  failures: string[],
): Promise<PoolPort[]> {
  const left: PoolPort[] = [];
  for (const port of ports) {
    try {
      signal.throwIfAborted();
      await unregisterPort(netbox, site, port, stack);
    } catch (error) {
      failures.push(`${port.device}/${port.interface}: ${error instanceof Error ? error.message : String(error)}`);
      left.push(port);
    }
  }
  return left;
}
