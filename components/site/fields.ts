import { z } from "zod";
import { formatAddress, parseAddress, parseCidr, parseRange } from "../address/cidr";
import { CONTRACTS } from "../talos/releases";
import { normaliseVersion } from "../talos/version";

/**
 * Field types of the site file. Each refuses a bad value by itself with what is wrong and what to do, so that one pass
 * reports every bad field; rules between fields live in rules/.
 */

/** A custom zod issue that carries the way out beside the reason. */
export function complain(ctx: z.RefinementCtx, reason: string, fix: string): void {
  ctx.addIssue({ code: "custom", message: reason, params: { fix } });
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** RFC 1123 label: a site, machine or pool name. */
export const name = z.string().superRefine((value, ctx) => {
  if (!LABEL.test(value)) {
    complain(
      ctx,
      `"${value}" is not an RFC 1123 label`,
      "use 1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
    );
  } else if (value === "localhost" || value === "kubernetes") {
    complain(ctx, `"${value}" is a reserved name`, "choose another name");
  }
});

/** Host and Node name: Talos calls the Node by the first label, the rest would be a second opinion on the site's domain. */
export const hostName = z.string().superRefine((value, ctx) => {
  const [first = "", ...rest] = value.split(".");
  if (rest.length > 0 && LABEL.test(first)) {
    complain(
      ctx,
      `"${value}" has a domain, and a Node is called by its first label alone`,
      `write ${first}; the domain of every machine is the site's`,
    );
    return;
  }
  for (const { message, ...issue } of name.safeParse(value).error?.issues ?? []) {
    complain(ctx, message, (issue as { params?: { fix?: string } }).params?.fix ?? "choose another name");
  }
});

/** DNS name of two or more labels. */
export const domainName = z.string().superRefine((value, ctx) => {
  const labels = value.split(".");
  if (labels.length < 2 || value.length > 253 || !labels.every((label) => LABEL.test(label))) {
    complain(
      ctx,
      `"${value}" is not a DNS domain`,
      "write lower-case labels joined by dots, without a trailing dot, as in home.example.org",
    );
  }
});

/** IP address, IPv4 or IPv6. */
export const ipAddress = z.string().superRefine((value, ctx) => {
  const parsed = parseAddress(value, "");
  if (parsed.problem) complain(ctx, parsed.problem.reason, parsed.problem.fix);
  // One address has one text, so that comparing texts compares addresses.
  else if (formatAddress(parsed.value) !== value) {
    complain(ctx, `"${value}" is not the canonical form of an address`, `did you mean ${formatAddress(parsed.value)}?`);
  }
});

/** Network in CIDR notation without host bits. */
export const cidr = z.string().superRefine((value, ctx) => {
  const { problem } = parseCidr(value, "");
  if (problem) complain(ctx, problem.reason, problem.fix);
});

/** Addresses `first-last`, one address, or a network. */
export const range = z.string().superRefine((value, ctx) => {
  const { problem } = parseRange(value, "");
  if (problem) complain(ctx, problem.reason, problem.fix);
});

/** Host name or IP address, as NTP servers and proxies are named. */
export const host = z.string().superRefine((value, ctx) => {
  if (!parseAddress(value, "").problem) return;
  const labels = value.split(".");
  // A name that ends in a number is an address with a slip in it.
  if (labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? "")) return;
  complain(ctx, `"${value}" is neither a host name nor an IP address`, "write it as time.example.org or 10.0.0.1");
});

/** Registry or Image Factory: a host with an optional port. */
export const registry = z.string().superRefine((value, ctx) => {
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/.test(value)) return;
  complain(
    ctx,
    `"${value}" is not a registry`,
    "write host or host:port, as in factory.talos.dev or registry.local:5000",
  );
});

/** Proxy URL. */
export const proxyUrl = z.string().superRefine((value, ctx) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    complain(ctx, `"${value}" is not a proxy URL`, "write it as http://proxy.example.org:3128");
  } else if (url.password !== "" || url.username !== "") {
    complain(ctx, "a proxy URL holds a user or a password", "leave both out of the site file");
  }
});

/** Ethernet address in the form Talos prints: lower-case, colons. */
export const mac = z.string().superRefine((value, ctx) => {
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(value)) {
    const group = (Number.parseInt(value.slice(0, 2), 16) & 1) === 1;
    if (!group && value !== "00:00:00:00:00:00") return;
    complain(
      ctx,
      `"${value}" is ${group ? "the address of a group" : "nobody's address"}, not of one link`,
      "write what stands on the card, or what `ip link` prints",
    );
    return;
  }
  const fixed = value
    .toLowerCase()
    .replace(/[^0-9a-f]/g, "")
    .match(/^[0-9a-f]{12}$/)?.[0]
    .match(/../g)
    ?.join(":");
  complain(
    ctx,
    `"${value}" is not a MAC address in lower-case colon form`,
    fixed ? `did you mean ${fixed}?` : "write six hex pairs, as in 52:54:00:12:34:56",
  );
});

/** Release of Talos or Kubernetes, with or without the leading v. */
export const version = z.string().superRefine((value, ctx) => {
  if (normaliseVersion(value) === undefined) {
    complain(ctx, `"${value}" is not a version`, "write major, minor and patch, as in v1.13.0");
  }
});

/** Minor of Talos whose configuration format is used. */
export const contract = z.enum(CONTRACTS);

const QUALIFIED_NAME = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)$/;
const KEY_FORM = "write [prefix/]name with at most 63 letters, digits, . _ -";
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

function isQualifiedName(value: string): boolean {
  const slash = value.indexOf("/");
  if (slash < 0) return QUALIFIED_NAME.test(value);
  const prefix = value.slice(0, slash);
  return (
    prefix.length <= 253 &&
    prefix.split(".").every((part) => LABEL.test(part)) &&
    QUALIFIED_NAME.test(value.slice(slash + 1))
  );
}

/**
 * Label prefixes of Kubernetes that a kubelet may set on its own Node (NodeRestriction admission); every other label
 * below kubernetes.io or k8s.io is refused by the API server.
 */
const KUBELET_PREFIXES = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const KUBELET_LABELS = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/arch",
  "kubernetes.io/os",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
  "failure-domain.beta.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.kubernetes.io/region",
  "failure-domain.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
]);

function isRestricted(label: string): boolean {
  const prefix = label.includes("/") ? label.slice(0, label.indexOf("/")) : "";
  const ofKubernetes = ["kubernetes.io", "k8s.io"].some((root) => prefix === root || prefix.endsWith(`.${root}`));
  if (!ofKubernetes || KUBELET_LABELS.has(label)) return false;
  return !KUBELET_PREFIXES.some((allowed) => prefix === allowed || prefix.endsWith(`.${allowed}`));
}

/** Node labels. */
export const labels = z.record(z.string(), z.string()).superRefine((value, ctx) => {
  for (const [key, text] of Object.entries(value)) {
    if (!isQualifiedName(key)) {
      complain(ctx, `"${key}" is not a label key`, KEY_FORM);
    } else if (isRestricted(key)) {
      complain(
        ctx,
        `a kubelet may not set the label "${key}" on its own node`,
        "use a prefix of your own domain, or node.kubernetes.io/…, or label the node through the Kubernetes API",
      );
    }
    if (!LABEL_VALUE.test(text)) {
      complain(ctx, `"${text}" is not a label value (of ${key})`, "use at most 63 letters, digits, . _ -, or quote it");
    }
  }
});

/** Node taint. */
export const taint = z.strictObject({
  key: z
    .string()
    .superRefine((value, ctx) => {
      if (!isQualifiedName(value)) complain(ctx, `"${value}" is not a taint key`, KEY_FORM);
    })
    .describe("Taint key, as in dedicated or example.org/gpu."),
  value: z
    .string()
    .regex(LABEL_VALUE, "write at most 63 letters, digits, . _ -, beginning and ending with a letter or digit")
    .optional()
    .describe("Taint value. Default: none."),
  effect: z
    .enum(["NoSchedule", "PreferNoSchedule", "NoExecute"])
    .describe("What the taint does to pods that do not tolerate it."),
});
