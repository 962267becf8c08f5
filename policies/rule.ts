import type { Problem } from "../components/problem";

/** What a rule is about; also the folder it lies in. */
export type Area = "cluster" | "secrets" | "network" | "supply-chain" | "kubernetes" | "ownership" | "safety";

/** What a finding does: nothing, a warning, or a stop. */
export type Level = "disabled" | "advisory" | "mandatory";

/** How much is asked of a site. */
export type Profile = "minimal" | "standard" | "production";

export type Severity = "low" | "medium" | "high" | "critical";

/** Plain properties of a resource. Reading one that is not known yet throws an `UnknownValueError`. */
// biome-ignore lint/suspicious/noExplicitAny: other people's resources have any shape, and rules ask before they use
export type Properties = { readonly [name: string]: any };

/** One resource, as far as a rule may see it. */
export interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Secret values stand in the open here: a finding never repeats one. */
  readonly props: Properties;
  /** The same without every secret and every unknown value. */
  readonly open: Properties;
  readonly protect: boolean;
  /** Outputs that are secret whatever the provider says. */
  readonly secretOutputs: readonly string[];
  readonly ignoreChanges: readonly string[];
  /** URN of its provider; undefined for components. */
  readonly provider?: string;
}

/** A resource as a state file holds it. */
export interface Stored extends Resource {
  readonly retainOnDelete: boolean;
  readonly initErrors: readonly string[];
  readonly dependencies: readonly string[];
  /** Public and secret values of inputs and outputs, as they lie in the file. */
  readonly raw: { readonly inputs: Properties; readonly outputs: Properties };
}

/** A whole state file. */
export interface StateFile {
  readonly resources: readonly Stored[];
  /** Kind of the secrets provider, as `passphrase`; undefined without one. */
  readonly secretsProvider?: string;
  /** URNs of operations that a killed engine left unfinished. */
  readonly pending: readonly string[];
}

/** One step of a preview. */
export interface Step {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly before?: Stored;
  readonly after?: Stored;
  /** Paths that differ, where the provider tells them. */
  readonly paths: readonly string[];
}

/** What the archive of a chart renders. */
export interface RenderedChart {
  readonly name: string;
  readonly version: string;
  /** `sha256:…` of its archive. */
  readonly digest: string;
  /** Its entry in the table of versions; undefined for a chart that is not in it. */
  readonly pin?: { readonly version: string; readonly digest?: string; readonly images: readonly string[] };
  readonly objects: readonly Resource[];
}

/** What a rule found: where, what, and the way out if it is another than the rule's own. */
export interface Finding extends Omit<Problem, "fix"> {
  readonly fix?: string;
  /** The resource it is about, where a rule looks at several. */
  readonly urn?: string;
}

/** One setting of a rule, as JSON schema that the engine checks before the rule runs. */
export interface Setting {
  readonly type: "string" | "integer" | "array" | "object";
  readonly description: string;
  readonly default: unknown;
  readonly items?: { readonly [keyword: string]: unknown };
  readonly enum?: readonly string[];
  readonly minimum?: number;
}

/** Values of a rule's settings, defaults filled in. */
// biome-ignore lint/suspicious/noExplicitAny: each rule knows its own settings, which were checked against their schema
export type Settings = { readonly [name: string]: any };

interface About {
  /** Its name in kebab-case; also its file's. */
  readonly name: string;
  readonly area: Area;
  /** What has to be so, in one sentence. */
  readonly sentence: string;
  readonly severity: Severity;
  /** Level by profile. */
  readonly levels: Readonly<Record<Profile, Level>>;
  /** What happened where it was not so, or who says that it has to be. */
  readonly prevents: string;
  /** What to do about a finding. */
  readonly fix: string;
  readonly settings?: Readonly<Record<string, Setting>>;
}

/** Looks at one resource, before it is made or changed. Runs in the engine. */
export interface ResourceRule extends About {
  readonly kind: "resource";
  /** Types it looks at; without any, every resource. */
  readonly types?: readonly string[];
  check(resource: Resource, settings: Settings): readonly Finding[];
}

/** Looks at all resources of a stack together. Runs in the engine, after them. */
export interface StackRule extends About {
  readonly kind: "stack";
  /** Types it looks at, those of a whole provider as `kubernetes:*`; it sees no others. */
  readonly types: readonly string[];
  check(resources: readonly Resource[], settings: Settings): readonly Finding[];
}

/** Looks at what an update would do. Runs on a preview's JSON. */
export interface ChangeRule extends About {
  readonly kind: "change";
  /** What plinth's own provider refuses of it at every preview and update, whether anybody checks or not. */
  readonly provider: string;
  check(steps: readonly Step[], settings: Settings): readonly Finding[];
}

/** Looks at what a backend keeps. Runs on an exported state. */
export interface StateRule extends About {
  readonly kind: "state";
  check(state: StateFile, settings: Settings): readonly Finding[];
}

/** Looks at what a pinned chart renders. */
export interface ChartRule extends About {
  readonly kind: "chart";
  check(chart: RenderedChart, settings: Settings): readonly Finding[];
}

export type Rule = ResourceRule | StackRule | ChangeRule | StateRule | ChartRule;

/** The same level in every profile. */
export function always(level: Level): Readonly<Record<Profile, Level>> {
  return { minimal: level, standard: level, production: level };
}

/** A level for each profile, from the one that asks least. */
export function levels(minimal: Level, standard: Level, production: Level): Readonly<Record<Profile, Level>> {
  return { minimal, standard, production };
}
