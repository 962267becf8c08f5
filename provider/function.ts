/** The contract of what a program asks this provider beside its resources. */
import type { z } from "zod";
import { CHECK_VERSION, SETTLE_RELEASE } from "../components/functions";
import { version } from "../package.json";
import type { Context } from "./resource";

export interface ProviderFunction<I> {
  /** Token, as `plinth:kubernetes:settleRelease`. */
  readonly token: string;
  readonly inputs: z.ZodType<I>;
  /** Names of inputs that are secret: an engine hands them over without saying so. */
  readonly secrets: readonly (keyof I)[];
  /** Longest duration of a call. */
  seconds(inputs: I): number;
  /** URN of the resource that its messages are about. */
  about(inputs: I): string;
  call(inputs: I, context: Context): Promise<Readonly<Record<string, unknown>>>;
}

/** A function whose types the host need not know. */
// biome-ignore lint/suspicious/noExplicitAny: the table holds functions of every shape; the schemas guard the boundary.
export type AnyFunction = ProviderFunction<any>;

/** Functions by token; each is loaded when it is first asked for. */
export type Functions = ReadonlyMap<string, () => Promise<AnyFunction>>;

/** Every function this provider serves. */
export const functions: Functions = new Map<string, () => Promise<AnyFunction>>([
  [CHECK_VERSION, async () => (await import("./version.js")).checkVersion(version)],
  [SETTLE_RELEASE, async () => (await import("./kubernetes/real.js")).settleReleaseFunction],
]);
