import { z } from "zod";
import type { PlatformService } from "../../kubernetes/service";
import { nvidiaService } from "../../machine/gpu/service";
import type { PlatformSite } from "../site";
import { values } from "./fields";

/** What the machines themselves ask for. */

/** The area's part of the section. */
export const machinesShape = {
  nvidia: z
    .strictObject({ values })
    .optional()
    .describe("NVIDIA's device plugin and RuntimeClass. Default: as soon as a machine has gpu: true."),
};

type Section = z.output<z.ZodObject<typeof machinesShape>>;

/** The services that the machines ask for. */
export function machinesServices({ nvidia }: Section, { gpu }: PlatformSite): readonly PlatformService[] {
  return gpu ? [nvidiaService(nvidia ?? {})] : [];
}
