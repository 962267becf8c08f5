import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { labStackFile } from "../instance/prepare";

/** A change of a site that is killed at every point. */
export interface Scenario {
  /** Its key in the recording. */
  readonly key: "bringUp" | "edit" | "platform" | "platformEdit";
  /** What its points are told by. */
  readonly label: string;
  /** Ways through its points: from a site that is as one file says, or from none, to that of another. */
  readonly ways: readonly [Way, ...Way[]];
}

/** Stack files before and after. */
export interface Way {
  /** @default - there is no site */
  readonly from?: string;
  readonly to: string;
}

/**
 * Every scenario, in an order in which each can begin where the one before it has ended: a site that comes up, an edit of
 * what reaches running machines, a platform that is installed, and another value for one of its charts.
 */
export function scenarios(folder: string): readonly Scenario[] {
  const site = (name: string, event: string, gzip?: string): string => {
    const document = parseDocument(readFileSync(labStackFile, "utf8"));
    const at = (...path: string[]) => ["config", "plinth:site", ...path];
    document.setIn(at("kubernetes", "apiServer", "extraArgs", "event-ttl"), event);
    document.setIn(at("machines", "worker-1", "labels", "example.org/edit"), event);
    if (gzip !== undefined) document.setIn(at("platform"), document.createNode(platform(gzip)));
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, document.toString({ lineWidth: 0 }));
    return file;
  };
  const a = site("a", "1h0m0s");
  const b = site("b", "2h0m0s");
  const p = site("p", "2h0m0s", "true");
  const q = site("q", "2h0m0s", "false");
  return [
    { key: "bringUp", label: "bring-up", ways: [{ to: a }] },
    both("edit", "edit", a, b),
    { key: "platform", label: "platform", ways: [{ from: b, to: p }] },
    both("platformEdit", "platform edit", p, q),
  ];
}

function both(key: Scenario["key"], label: string, one: string, other: string): Scenario {
  return {
    key,
    label,
    ways: [
      { from: one, to: other },
      { from: other, to: one },
    ],
  };
}

/** Two charts with namespaces, CRDs, a webhook, objects and gates, small enough for a run at every point. */
function platform(gzip: string): object {
  return {
    profile: "minimal",
    metallb: { pools: { lan: { range: "127.77.0.200-127.77.0.220" } } },
    "ingress-nginx": { pool: "lan", values: { controller: { config: { "use-gzip": gzip } } } },
  };
}
