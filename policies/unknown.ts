/**
 * Pulumi's own view of values that are not known yet, so that a rule behaves here as in any policy pack: reading an
 * unknown value throws. The module is taken alone, because the rest of its package loads the whole SDK, and its types are
 * not published.
 */
const proxy: {
  unknownCheckingProxy<T extends object>(value: T): T;
  readonly UnknownValueError: new (sentinel: string, path: readonly (string | symbol)[]) => UnknownValueError;
  readonly unknownObjectValue: string;
} = require("@pulumi/policy/proxy");

/** A rule read a value that is not known before the update. */
export interface UnknownValueError extends Error {
  readonly props: readonly (string | symbol)[];
}

/** Throws when an unknown value is read, at any depth. */
export const checked = proxy.unknownCheckingProxy;

export function isUnknownValueError(error: unknown): error is UnknownValueError {
  return error instanceof proxy.UnknownValueError;
}

/** What stands here in the place of a secret that cannot be read: a rule that needs it cannot be decided either. */
export const SEALED = proxy.unknownObjectValue;
