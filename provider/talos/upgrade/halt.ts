/** How an update that stopped says so. */
import { sentence } from "../../host/failure";

/** Nodes that failed, each with its reason; nothing after them was begun. */
export class Halt extends Error {
  constructor(
    readonly failed: ReadonlyMap<string, unknown>,
    readonly done: readonly string[],
    readonly left: readonly string[],
  ) {
    super([...failed].map(([key, cause]) => `${key}: ${sentence(cause)}`).join("; "));
    this.name = "Halt";
  }
}
