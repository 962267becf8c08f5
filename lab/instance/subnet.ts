import { createHash } from "node:crypto";
import { isMap, isScalar, parseDocument, visit } from "yaml";
import type { Problem } from "../../components/problem";

/** First three numbers of a /24 of loopback addresses, as `127.77.0`. */
export type Subnet = string;

/** The /24 that a stack file's lab network is, or why it is none. */
export function subnetOf(cidr: unknown): Subnet | Problem {
  const match = typeof cidr === "string" ? /^(127\.\d{1,3}\.\d{1,3})\.0\/24$/.exec(cidr) : null;
  if (match?.[1] !== undefined) return match[1];
  return {
    path: "network.cidr",
    reason: `${cidr === undefined ? "it is missing" : `"${String(cidr)}" is no /24 of loopback addresses`}, and a lab instance is exactly that`,
    fix: "write it as 127.77.0.0/24",
  };
}

/**
 * Subnets to try for an instance, best first: always in the same order for a name, so that an instance that was reset
 * comes back at its old addresses, and spread by name, so that instances rarely meet.
 */
export function* candidates(name: string): Generator<Subnet> {
  const start = createHash("sha256").update(name).digest().readUInt32BE(0) % CANDIDATES;
  for (let step = 0; step < CANDIDATES; step++) {
    const index = (start + step) % CANDIDATES;
    yield `127.${FIRST + Math.floor(index / 256)}.${index % 256}`;
  }
}

/** 127.100.0 to 127.199.255: away from the stack files' own networks and from what systems put on 127.0 and 127.53. */
const FIRST = 100;
const CANDIDATES = 100 * 256;

/**
 * The same stack file in another /24: every address of the one inside a text value becomes the same host of the other.
 * Comments and layout stay, so problems still name the lines the user knows.
 */
export function relocate(text: string, from: Subnet, to: Subnet): string {
  if (from === to) return text;
  const document = parseDocument(text);
  const address = new RegExp(`(?<![\\d.])${from.replaceAll(".", "\\.")}\\.(\\d{1,3})(?![\\d.])`, "g");
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === "string") node.value = node.value.replace(address, `${to}.$1`);
    },
  });
  return document.toString({ lineWidth: 0 });
}

/** The `plinth:site` object of a stack file, and its lab network. */
export function siteOf(text: string): { readonly site: unknown; readonly cidr: unknown } {
  const document = parseDocument(text);
  const site = document.getIn(["config", "plinth:site"]);
  const cidr = isMap(site) ? site.getIn(["network", "cidr"], true) : undefined;
  return {
    site: isMap(site) ? site.toJS(document) : undefined,
    cidr: isScalar(cidr) ? cidr.value : undefined,
  };
}
