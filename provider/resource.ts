/**
 * The one contract of every resource of this provider.
 *
 * To add a resource: write `provider/<room>/<Name>.ts` that exports a {@link Resource} built from a driver (so that
 * tests can hand it a faulty one), add it to the table in `resources.ts`, and run the conformance suite on it
 * (`test/provider/conformance.ts`). The host does the rest: secrets arrive unwrapped and leave wrapped, inputs are
 * validated against the schema (unknown parts are tolerated at preview), preview can never reach `create`, `update`
 * or `delete`, time is bounded, and errors become text without a stack trace.
 *
 * Rules a resource keeps:
 * - `create` asks the world first and adopts what an earlier, killed run made.
 * - Once anything exists outside, it returns what was reached with `failures`; throwing means "nothing was made".
 * - `read` throws when the world cannot be asked; `undefined` is only for "certainly gone".
 * - Between two steps and inside every wait it honours `context.signal`.
 */
import type { z } from "zod";
import type { Problem } from "../components/problem";
import type { Audit } from "./audit";
import type { Draft } from "./draft";
import type { ProviderConfig } from "./host/config";
import type { Hold } from "./lease";

/** One changed place between what is and what is asked for. */
export interface Change {
  /** As the engine prints it: `nodes["cp-1"].kubernetes`. Build it with {@link propertyPath}. */
  readonly path: string;
  readonly kind: "add" | "delete" | "update";
  /** Why the resource has to be replaced for it; shown at preview. @default - changed in place */
  readonly replace?: string;
  /** The path names an output (what is seen) instead of an input (what is asked for). @default false */
  readonly output?: boolean;
}

/** What the engine stored about a resource. */
export interface State<I, O> {
  readonly inputs: I;
  readonly outputs: O;
}

/** What a create or an update reached. */
export interface Reached<O> {
  readonly outputs: O;
  /** Why it is not all that was asked for, one sentence each. The next update goes on from `outputs`. @default none */
  readonly failures?: readonly string[];
}

/** Messages to the person who watches the update. Secrets of this call are redacted from all of them. */
export interface Log {
  /** A line that stays, below the resource. */
  info(message: string): void;
  warn(message: string): void;
  /** A passing word in the status column. */
  progress(message: string): void;
}

/** What a resource may use of its surroundings during one call. */
export interface Context {
  readonly urn: string;
  readonly config: ProviderConfig;
  /** Aborted on cancel, on time-out, and when the engine is gone. Its reason is an Error with the cause. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Records a privileged act before it is done. */
  readonly audit: Audit;
  /** Holds a named lease against a second run at the same time; refused with the name of who holds it. */
  readonly lease: <T>(hold: Hold, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  /** The text without the secrets of this call. */
  readonly redact: (text: string) => string;
}

export interface Resource<I, O> {
  /** Type token, as `plinth:talos:Bootstrap`. */
  readonly type: string;
  readonly inputs: z.ZodType<I>;
  /** Its keys are the resource's outputs; it must also accept what earlier versions and partial results stored. */
  readonly outputs: z.ZodObject & z.ZodType<O>;
  /** Names of inputs and outputs that are secret even if the program forgot to say so. */
  readonly secrets: readonly (keyof I | keyof O)[];
  /** Longest duration of each operation in seconds; a `customTimeouts` of the program wins. */
  readonly limits: { readonly create: number; readonly read: number; readonly update: number; readonly delete: number };
  /** @default false: the new one is created before the old one goes */
  readonly deleteBeforeReplace?: boolean;

  /**
   * Every problem the schema cannot see. Touches nothing; may read. `accepted` gives the inputs that were found good last
   * time, so that what is costly to check and unchanged need not be checked again.
   */
  check(
    inputs: Draft<I>,
    context: Context,
    accepted?: () => Draft<I>,
  ): readonly Problem[] | Promise<readonly Problem[]>;
  /** What differs. Throws a ProblemError for a change that is refused. Touches nothing. */
  diff(prior: State<I, O>, inputs: Draft<I>, context: Context): readonly Change[] | Promise<readonly Change[]>;
  /** Outputs that are known already at preview; the rest is unknown on create and as before on update. */
  preview(
    inputs: Draft<I>,
    prior: State<I, O> | undefined,
    context: Context,
  ): Draft<Partial<O>> | Promise<Draft<Partial<O>>>;
  create(inputs: I, context: Context): Promise<Reached<O> & { readonly id: string }>;
  /** What is there now; `undefined` if it is certainly gone. Without a prior state it is an import by id. */
  read(id: string, prior: State<I, O> | undefined, context: Context): Promise<State<I, O> | undefined>;
  update(id: string, prior: State<I, O>, inputs: I, context: Context): Promise<Reached<O>>;
  delete(id: string, prior: State<I, O>, context: Context): Promise<void>;
}

/** A resource whose types the host need not know. */
// biome-ignore lint/suspicious/noExplicitAny: the table holds resources of every shape; the schemas guard the boundary.
export type AnyResource = Resource<any, any>;

/** Property path in the engine's syntax: identifiers by dot, other keys as `["key"]`, positions as `[0]`. */
export function propertyPath(...parts: readonly (string | number)[]): string {
  return parts.reduce<string>((path, part) => {
    if (typeof part === "number") return `${path}[${part}]`;
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(part)) return path === "" ? part : `${path}.${part}`;
    return `${path}[${JSON.stringify(part)}]`;
  }, "");
}
