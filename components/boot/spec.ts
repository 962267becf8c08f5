import { z } from "zod";
import { LONGEST } from "./intent";
import { bootAction, bootUuid, diskBoot } from "./permission";

/** The site file's part `boot`: what all machines that boot over the network share. */
export const bootSchema = z
  .strictObject({
    files: z
      .url({ protocol: /^https?$/, error: "is not an http or https URL" })
      .regex(/[^/]$/, "ends with a slash; leave it out")
      .optional()
      .describe(
        "URL that machines fetch kernel and initramfs from, as http://10.0.0.2:8080 of a boot server that holds them. Default: the Image Factory. Takes effect with the next generation of a machine.",
      ),
    minutes: z
      .int()
      .min(1)
      .max(LONGEST.wipe / 60_000)
      .default(60)
      .describe("Minutes until a permission ends by itself. Takes effect with the next generation of a machine."),
  })
  .describe("Network boot; the boot server is plinth:bootServer. docs/boot.md tells of it.");

const bootNetworkSchema = z
  .strictObject({
    link: z
      .string()
      .min(1)
      .exactOptional()
      .describe("Link that the installer uses: a name as eno1, or a MAC address. Default: the machine's mac."),
    vlan: z
      .int("write a VLAN as 1 to 4094")
      .min(1, "write a VLAN as 1 to 4094")
      .max(4094, "write a VLAN as 1 to 4094")
      .exactOptional()
      .describe(
        "VLAN on that link in which the site's network is, now and once Talos is installed. Needs the link's name. Default: untagged.",
      ),
    dhcp: z
      .boolean()
      .default(false)
      .describe("Whether the installer asks DHCP on that link. Default: it has the machine's own address."),
  })
  .describe(
    "Network that the kernel is told (ip=), where DHCP does not say it: the machine's address with the site's gateway, first two nameservers and time server. Default: DHCP on every link. With the next generation.",
  );

/** A machine's part `boot`. */
export const machineBootSchema = z
  .strictObject({
    uuid: bootUuid.describe("SMBIOS UUID of the machine, lower-case. A change is another machine: raise generation."),
    action: z
      .union([bootAction, z.literal("local")])
      .default("install")
      .describe(
        "What the machine may boot once a generation: install (halts when a system is there), rescue, wipe (empties the system disk), or local, its disk. A change needs a higher generation.",
      ),
    diskBoot: diskBoot
      .default("exit")
      .describe("How its firmware is made to boot from disk: exit, 404 or sanboot. With the next generation."),
    device: z
      .string()
      .min(1)
      .exactOptional()
      .describe("Device that has the machine's mac in NetBox; any other is refused at preview. Default: not asked."),
    network: bootNetworkSchema.exactOptional(),
    enrol: z
      .boolean()
      .default(false)
      .describe(
        "Whether the machine, booted from media, may fetch its configuration from the boot server, once a generation: Site.enrolments is the kernel argument for that. The boot server needs --configuration-url.",
      ),
  })
  .describe("Network boot of this machine. Default: the boot server is not told of it, and it boots from its disk.");
