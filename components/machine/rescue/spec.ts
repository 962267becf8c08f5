import { z } from "zod";

/** The site file's part about a machine that gets its first Talos from a rescue system. */
export const rescueSchema = z
  .strictObject({
    secret: z
      .string()
      .min(1)
      .default("rescue-key")
      .describe("Secret of the stack (secrets:<name>) with the private SSH key that the rescue system knows."),
    host: z
      .string()
      .min(1)
      .optional()
      .describe("Name or address of the rescue system. Default: the machine's address. Used once."),
    port: z.int().min(1).max(65535).optional().describe("Port of its SSH server. Default: 22. Used once."),
    user: z.string().min(1).optional().describe("Who writes disks there. Default: root. Used once."),
    hostKey: z
      .string()
      .regex(/^(ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+/, "write a public key, as in ssh-ed25519 AAAA…")
      .optional()
      .describe("Public host key of the rescue system. Default: any is believed. Used once."),
    hostname: z
      .string()
      .min(1)
      .optional()
      .describe("Host name of the rescue system: nothing is written under another. Default: any. Used once."),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "write 64 hex digits")
      .optional()
      .describe("SHA-256 of the packed disk image. Default: its length and its own checksums are checked. Used once."),
  })
  .describe(
    "Talos is written to the machine's disk from a rescue system over SSH, once. Default: the machine boots it some other way. Only with provider metal.",
  );

export type RescueSpec = z.output<typeof rescueSchema>;
