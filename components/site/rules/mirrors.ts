import { isIP } from "node:net";
import { TRAITS } from "../../machine/providers";
import type { Problem } from "../../problem";
import { type Draft, list, record } from "./draft";

/** An endpoint of a mirror that is sound by itself. */
interface Endpoint {
  readonly path: string;
  readonly url: URL;
}

/** Mirrors that can be found and asked, so that the images which make the cluster run do not wait for the cluster. */
export function checkMirrors(draft: Draft): Problem[] {
  return Object.entries(record(draft.talos.mirrors)).flatMap(([name, value]) => {
    const path = `talos.mirrors.${name}`;
    const { endpoints, overridePath, skipFallback } = record(value);
    const sound = list(endpoints).flatMap((url, index): readonly Endpoint[] =>
      typeof url === "string" && URL.canParse(url) ? [{ path: `${path}.endpoints[${index}]`, url: new URL(url) }] : [],
    );
    return [
      ...sound.flatMap((endpoint) => [
        ...pathProblems(endpoint, overridePath === true),
        ...nameProblems(endpoint, draft),
      ]),
      ...loopbackProblems(path, sound, skipFallback === true, draft),
    ];
  });
}

/** containerd adds /v2 to a path that does not end with it, unless it is told not to. */
function pathProblems({ path, url }: Endpoint, overridePath: boolean): readonly Problem[] {
  const bare = url.pathname.replace(/\/+$/, "");
  if (!overridePath && /^\/v2\/./.test(bare)) {
    const reason = `the machines would ask for ${bare}/v2/…`;
    return [{ path, reason, fix: "set overridePath: true, or leave the path out" }];
  }
  if (overridePath && bare === "") {
    const reason = "has no path, and overridePath adds none";
    return [{ path, reason, fix: `write ${url.origin}/v2/…, or leave overridePath out` }];
  }
  return [];
}

/** A name helps nobody who can ask no name server. */
function nameProblems({ path, url }: Endpoint, { provider, network, nameservers }: Draft): readonly Problem[] {
  const host = hostOf(url);
  if (isIP(host) !== 0 || isLoopback(host) || !isRoom(provider)) return [];
  if (network.gateway !== undefined || nameservers.length > 0) return [];
  return [
    {
      path,
      reason: `${host} is a name, and the machines have no name server and no gateway to one`,
      fix: "write its address, or a name server of their own network into network.nameservers",
    },
  ];
}

/** A mirror on the machine itself is a pod, which wants an image first. */
function loopbackProblems(
  path: string,
  endpoints: readonly Endpoint[],
  skipFallback: boolean,
  { provider }: Draft,
): readonly Problem[] {
  const own = endpoints.length > 0 && endpoints.every(({ url }) => isLoopback(hostOf(url)));
  if (!own || !skipFallback || provider === "lab") return [];
  return [
    {
      path: `${path}.endpoints`,
      reason: "are on the machine itself alone, where nothing answers before the cluster runs",
      fix: "name a mirror on another machine as well, or leave skipFallback out",
    },
  ];
}

/** Whether a provider's machines have no other way out than the site's gateway. */
function isRoom(provider: unknown): boolean {
  const traits = Object.entries(TRAITS).find(([name]) => name === provider)?.[1];
  return traits?.reach === "own" && provider !== "lab";
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
