import type { Face } from "./probe";
import type { Talos } from "./talos";

/** Addresses of machines, each with the one at which it is called from here; what is not in it is called as it is. */
export type Reach = ReadonlyMap<string, string>;

/** Talos through the addresses at which its machines can be reached: everything else goes on knowing them by their own. */
export function reaching(talos: Talos, reach: Reach): Talos {
  if (reach.size === 0) return talos;
  return new Proxy(talos, {
    get(target, name) {
      const call = Reflect.get(target, name);
      if (typeof call !== "function") return call;
      // Every call begins with the node it is about.
      return (node: string, ...rest: readonly unknown[]) => call.call(target, reach.get(node) ?? node, ...rest);
    },
  });
}

/** A look from outside at a machine, at the address where it can be reached. */
export function reachingProbe<T extends readonly unknown[]>(
  probe: (address: string, ...rest: T) => Promise<Face>,
  reach: Reach,
): (address: string, ...rest: T) => Promise<Face> {
  return (address, ...rest) => probe(reach.get(address) ?? address, ...rest);
}
