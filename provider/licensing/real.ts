/** Licences in the real world. */
import type { AnyResource } from "../resource";
import { licence } from "./Licence";

export const licenceResource: AnyResource = licence({ now: async () => new Date() });
