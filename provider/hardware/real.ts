/** Comparisons in the real world. */
import type { AnyResource } from "../resource";
import { readHardware } from "../talosctl/hardware";
import { probe } from "../talosctl/probe";
import { hardwareMatch } from "./Match";

export const matchResource: AnyResource = hardwareMatch({
  face: (address, signal) => probe(address, undefined, signal),
  read: readHardware,
  pollMs: 1000,
});
