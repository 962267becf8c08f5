/** One place through which every step of a change goes: the window first, then hooks, the step, and hooks again. */
import { type Hook, type Maintenance, secondsOf } from "../../components/maintenance/spec";
import { mayStart } from "../../components/maintenance/window";
import { sentence } from "../host/failure";
import type { Context } from "../resource";
import { checkpoint } from "../wait";
import { runHook } from "./hook";

/** What a window and a hook are told of a step. */
export interface StepFacts {
  /** The cluster's name. */
  readonly site: string;
  /** Key of the node; empty for a step of the whole cluster. */
  readonly node: string;
  readonly step: string;
}

/** The step was not begun; nothing of it was done. */
export class WindowClosed extends Error {
  override readonly name = "WindowClosed";
  constructor(
    reason: string,
    /** When the same step may begin. */
    readonly opens: Date,
  ) {
    super(reason);
  }
}

/**
 * Does a step if its time has come: throws {@link WindowClosed} before anything is done if not. Hooks `after` run
 * whether the step worked or not; a failed step stays the error that is told.
 */
export async function guarded<T>(
  maintenance: Maintenance | undefined,
  facts: StepFacts,
  context: Pick<Context, "signal" | "log" | "redact">,
  act: () => Promise<T>,
  now: () => Date = () => new Date(),
): Promise<T> {
  if (maintenance === undefined) return act();
  assertOpen(maintenance, facts.step, now());
  const hooks = (when: Hook["when"]) =>
    maintenance.hooks.filter((hook) => hook.when === when && isOf(hook, facts.step));
  await runAll(hooks("before"), facts, "", context);
  let result: T;
  try {
    result = await act();
  } catch (error) {
    // The step's own failure is what a person has to know; a hook's comes beside it.
    await runAll(hooks("after"), facts, "failed", context).catch((failure) => context.log.warn(sentence(failure)));
    throw error;
  }
  await runAll(hooks("after"), facts, "done", context);
  return result;
}

function isOf(hook: Hook, step: string): boolean {
  return (hook.steps as readonly string[]).includes(step);
}

/** Throws {@link WindowClosed} unless a step may begin at a time. */
export function assertOpen(maintenance: Maintenance | undefined, step: string, now: Date): void {
  const permission = mayStart(step, now, maintenance?.windows ?? []);
  if (!permission.allowed) throw new WindowClosed(permission.reason, permission.opens);
}

/** One after the other; the first that fails ends it, unless it may fail. */
async function runAll(
  hooks: readonly Hook[],
  facts: StepFacts,
  result: string,
  { signal, log, redact }: Pick<Context, "signal" | "log" | "redact">,
): Promise<void> {
  for (const hook of hooks) {
    // What was put up before a cancelled step has to come down again.
    if (hook.when === "before") checkpoint(signal);
    const ends = hook.when === "before" ? signal : AbortSignal.timeout(secondsOf(hook.timeout) * 1000 + 1000);
    try {
      log.progress(`hook ${hook.when} ${facts.step}${facts.node === "" ? "" : ` of ${facts.node}`}`);
      await runHook(hook, { ...facts, when: hook.when, result }, ends);
    } catch (error) {
      if (hook.when === "before") signal.throwIfAborted();
      const text = redact(`the hook ${hook.when} ${facts.step} failed: ${sentence(error)}`);
      if (hook.onFailure === "stop") throw new Error(text);
      log.warn(text);
    }
  }
}
