import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { complain, registry } from "../fields";

/** Names under which people know Docker's registry, and under which containerd looks no mirror up. */
const DOCKER = ["index.docker.io", "registry-1.docker.io", "hub.docker.com"];

const endpoint = z.string().superRefine((value, ctx) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    complain(ctx, `"${value}" is not the URL of a mirror`, "write it as https://10.0.0.5:5000");
  } else if (url.username !== "" || url.password !== "") {
    complain(ctx, "the URL of a mirror holds a user or a password", "leave both out: a mirror is read without");
  } else if (url.search !== "" || url.hash !== "") {
    complain(ctx, `"${value}" has more than a host and a path`, "leave out what follows ? and #");
  }
});

const mirror = z
  .strictObject({
    endpoints: z
      .array(endpoint)
      .min(1, "a mirror has at least one endpoint")
      .describe("URLs of the mirrors, asked in this order, as https://10.0.0.5:5000."),
    skipFallback: z
      .boolean()
      .default(false)
      .describe("Whether the registry itself is never asked. Default: it is, when no mirror has the image."),
    overridePath: z
      .boolean()
      .default(false)
      .describe(
        "Whether the paths of the endpoints are the whole way to the images, as in https://harbor.example.org/v2/docker-hub. Default: /v2 is added.",
      ),
  })
  .describe("Mirrors of one registry.");

/** What is wrong with the name of a mirrored registry, and the way out. */
function misnamed(name: string): { readonly reason: string; readonly fix: string } | undefined {
  if (name === "*" || (registry.safeParse(name).success && !DOCKER.includes(name))) return undefined;
  if (name.includes("*")) {
    return { reason: `"${name}": a mirror is of one registry, or of all`, fix: "write * for every other registry" };
  }
  const host = name.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  if (DOCKER.includes(host)) {
    return { reason: `"${name}": images of Docker's registry begin with docker.io`, fix: "did you mean docker.io?" };
  }
  const fix = registry.safeParse(host).success
    ? `did you mean ${host}?`
    : "write host or host:port, as in ghcr.io, or *";
  return { reason: `"${name}" is not a registry`, fix };
}

/** `talos.mirrors`: by registry. */
export const mirrors = z.record(z.string(), mirror).superRefine((value, ctx) => {
  for (const name of Object.keys(value)) {
    const problem = misnamed(name);
    if (problem === undefined) continue;
    ctx.addIssue({ code: "custom", path: [name], message: problem.reason, params: { fix: problem.fix } });
  }
});

const authority = z.string().superRefine((value, ctx) => {
  const fix = "give the PEM of the certificate of its authority, -----BEGIN CERTIFICATE-----…";
  const found = value.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (value.includes("PRIVATE KEY")) complain(ctx, "holds a private key", `take it out at once; ${fix}`);
  else if (found.length === 0) complain(ctx, "is no certificate", fix);
  else if (!found.every(isCertificate)) complain(ctx, "a certificate in it cannot be read", fix);
});

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

/** `talos.registries`: by host and port. */
export const registries = z.record(
  registry,
  z
    .strictObject({
      ca: authority.describe("PEM of the authority that its certificate chains to. Not secret."),
    })
    .describe("How one registry or mirror shows who it is."),
);
