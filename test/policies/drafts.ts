import { readFileSync } from "node:fs";
import path from "node:path";
import { stepOf } from "../../policies/read/preview";
import { parseState } from "../../policies/read/state";
import { stored, type WrittenResource } from "../../policies/read/stored";
import type { RenderedChart, StateFile, Step } from "../../policies/rule";
import { ROOT } from "../support/site";

/**
 * What rules are tried on: resources of a state that the lab left behind, edited as little as a case needs, and objects
 * that stand beside them in the same stack.
 */

/** What the engine writes in the place of a value that is not known yet. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const SECRET = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };

/** A value that the engine knows to be secret. */
export function secret(value: unknown): unknown {
  return { ...SECRET, value };
}

/** A resource to be edited. */
// biome-ignore lint/suspicious/noExplicitAny: cases break it in every way a program could
export type Draft = { -readonly [K in keyof WrittenResource]: any } & { inputs: any; outputs: any };

export const STATE = path.join(ROOT, "test/recorded/0.1.0/state.json");

/** The state that the lab left behind, to be edited. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function labState(): any {
  return JSON.parse(readFileSync(STATE, "utf8"));
}

const recorded: readonly Draft[] = labState().checkpoint.latest.resources;

/** The first resource of a type that the lab made, edited. */
export function lab(type: string, edit: (draft: Draft) => void = () => undefined, name?: string): Draft {
  const found = recorded.find(
    ({ urn, type: own }) => own === type && (name === undefined || urn.endsWith(`::${name}`)),
  );
  if (found === undefined) throw new Error(`the recorded state has no ${type}`);
  const draft = structuredClone(found);
  edit(draft);
  return draft;
}

/** A Kubernetes object beside what the lab made. */
export function object(type: string, name: string, inputs: object, options: Partial<Draft> = {}): Draft {
  const [apiVersion = "", kind] = type
    .replace("kubernetes:", "")
    .replace(/^core\//, "")
    .split(":");
  return {
    urn: `urn:pulumi:lab::plinth::${type}::${name}`,
    type,
    provider: "urn:pulumi:lab::plinth::pulumi:providers:kubernetes::site-kubernetes::id",
    inputs: { apiVersion, kind, metadata: { name, namespace: "apps" }, ...inputs },
    outputs: {},
    ...options,
  };
}

/** Any other resource beside what the lab made. */
export function resource(type: string, name: string, inputs: object, options: Partial<Draft> = {}): Draft {
  return { urn: `urn:pulumi:lab::plinth::${type}::${name}`, type, inputs, outputs: {}, ...options };
}

/** A step of a preview. */
export function step(op: string, before: Draft | undefined, after: Draft | undefined): Step {
  const urn = (after ?? before)?.urn ?? "";
  return stepOf({ op, urn, ...(before && { oldState: before }), ...(after && { newState: after }) });
}

/** A state file with these resources in the place of the lab's. */
export function stateOf(resources: readonly Draft[], rest: object = {}): StateFile {
  const latest = { secrets_providers: { type: "passphrase" }, resources, ...rest };
  return parseState(JSON.stringify({ version: 3, deployment: latest }), "state.json");
}

/** A chart that renders these objects. */
export function chartOf(objects: readonly Draft[], pin?: RenderedChart["pin"]): RenderedChart {
  return { name: "demo", version: "1.2.3", digest: "sha256:one", ...(pin && { pin }), objects: objects.map(stored) };
}
