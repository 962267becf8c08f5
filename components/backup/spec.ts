import { isAbsolute } from "node:path";
import { z } from "zod";
import { complain } from "../site/fields";

/**
 * Where the snapshots of a cluster's etcd go and who can open them: a part of the site file, and as it stands an input
 * of the cluster's release. It holds nothing secret.
 */

/** A field that is refused with its own reason and the way out. */
const text = (check: (value: string) => { readonly reason: string; readonly fix: string } | undefined) =>
  z.string().superRefine((value, ctx) => {
    const problem = check(value);
    if (problem) complain(ctx, problem.reason, problem.fix);
  });

const folder = text((value) =>
  isAbsolute(value)
    ? undefined
    : { reason: `"${value}" is not an absolute path`, fix: "write it from the root, as in /srv/backup/plinth" },
);

const endpoint = text((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") {
    return { reason: `"${value}" is not an http or https URL`, fix: "write it as https://s3.example.org:9000" };
  }
  if (url.username !== "" || url.password !== "") {
    return {
      reason: "the URL holds a user or a password",
      fix: "leave both out: credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    };
  }
  return url.pathname === "/" && url.search === "" && url.hash === ""
    ? undefined
    : {
        reason: `"${value}" goes on after the host`,
        fix: `write ${url.origin}; the rest belongs into bucket and prefix`,
      };
});

const bucket = text((value) =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value)
    ? undefined
    : {
        reason: `"${value}" is not the name of a bucket`,
        fix: "use 3 to 63 lower-case letters, digits, dots and hyphens",
      },
);

const prefix = text((value) =>
  /^[A-Za-z0-9!_.'()-]+(\/[A-Za-z0-9!_.'()-]+)*$/.test(value) && !value.split("/").some((part) => /^\.+$/.test(part))
    ? undefined
    : { reason: `"${value}" is not a prefix`, fix: "write names joined by slashes, as in sites/home" },
);

/** The shape of a public key; whether every letter of it is right, only the encryption itself can tell. */
const RECIPIENT = /^age1[02-9ac-hj-np-z]{40,}$/;

const recipient = text((value) => {
  // Never repeated in a message: it opens every snapshot.
  if (/^AGE-SECRET-KEY-/i.test(value)) {
    return {
      reason: "this is a private key, and it is now in a file where it must not be",
      fix: "make a new one with age-keygen, keep it away from the site file, and write its public key, age1…",
    };
  }
  return RECIPIENT.test(value)
    ? undefined
    : { reason: `"${value}" is not an age public key`, fix: "write what age-keygen prints as public key, age1…" };
});

const store = z.union([
  z.strictObject({
    path: folder.describe("Folder of the computer that runs plinth, or of a share mounted there."),
  }),
  z.strictObject({
    s3: z
      .strictObject({
        endpoint: endpoint.exactOptional().describe("URL of the server. Default: AWS, in the region named."),
        bucket: bucket.describe("Bucket, which exists already."),
        prefix: prefix.exactOptional().describe("What the names of snapshots begin with, as a folder. Default: none."),
        region: z
          .string()
          .regex(/^[a-z0-9-]+$/)
          .exactOptional()
          .describe("Region that requests are signed for. Default: us-east-1."),
      })
      .describe(
        "Bucket of any S3-compatible server. The credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.",
      ),
  }),
]);

/** Schema of the part. */
export const backupSchema = z.strictObject({
  store: store.describe(
    "Where snapshots are kept, outside the cluster: path or s3. A change moves nothing: snapshots stay where they are.",
  ),
  recipients: z
    .array(recipient)
    .default([])
    .describe("age public keys; the private key of any one of them opens a snapshot. For the next snapshots."),
  passphrase: z
    .literal(true)
    .exactOptional()
    .describe(
      "Encrypt with the passphrase in PLINTH_BACKUP_PASSPHRASE instead of recipients. Only with provider lab. Default: recipients.",
    ),
  keep: z
    .int()
    .min(1)
    .max(1000)
    .default(10)
    .describe("Snapshots kept of this cluster; older ones go when a new one is safe. Default: 10."),
});

/** Where snapshots go, who can open them, and how many are kept. */
export type Backup = z.output<typeof backupSchema>;
/** A bucket of an S3-compatible server. */
export type S3Place = Extract<Backup["store"], { s3: unknown }>["s3"];
