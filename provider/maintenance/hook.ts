/** Runs one hook: bounded in time and output, its child and whatever that started ended with it. */
import { spawn } from "node:child_process";
import { type Hook, secondsOf } from "../../components/maintenance/spec";
import type { StepFacts } from "./guard";

/** What a hook is told. */
interface HookFacts extends StepFacts {
  readonly when: Hook["when"];
  /** `done` or `failed`; empty before the step. */
  readonly result: string;
}

/** What of a hook's words a message repeats. */
const WORDS = 400;

/** Throws when the hook fails or takes too long. */
export async function runHook(hook: Hook, facts: HookFacts, signal: AbortSignal): Promise<void> {
  const seconds = secondsOf(hook.timeout);
  const late = AbortSignal.timeout(seconds * 1000);
  const bound = AbortSignal.any([signal, late]);
  try {
    if (hook.command !== undefined) await runCommand(hook.command, facts, bound);
    else if (hook.http !== undefined) await post(hook.http, facts, bound);
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new Error(`${label(hook)}: not done within ${seconds} s`);
    throw error;
  }
}

/** What the hook is, without its arguments: they may hold what nobody should read. */
function label({ command, http }: Hook): string {
  return command?.[0] ?? (http === undefined ? "" : new URL(http.url).host);
}

function runCommand([program = "", ...args]: readonly string[], facts: HookFacts, signal: AbortSignal): Promise<void> {
  const names = { SITE: facts.site, NODE: facts.node, STEP: facts.step, WHEN: facts.when, RESULT: facts.result };
  const told = Object.fromEntries(Object.entries(names).map(([name, value]) => [`PLINTH_${name}`, value]));
  return new Promise((resolve, reject) => {
    // A group of its own: a script's children end with it.
    const child = spawn(program, args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...ownEnvironment(), ...told },
    });
    let words = "";
    const listen = (chunk: string): void => {
      words = `${words}${chunk}`.slice(-WORDS);
    };
    child.stdout.setEncoding("utf8").on("data", listen);
    child.stderr.setEncoding("utf8").on("data", listen);
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    };
    signal.addEventListener("abort", end, { once: true });
    process.once("exit", end);
    const settle = (): void => {
      signal.removeEventListener("abort", end);
      process.off("exit", end);
    };
    child.on("error", (error) => {
      settle();
      reject(new Error(`${program}: ${error.message}`));
    });
    // What it left running would keep its pipes, and this, waiting.
    child.on("exit", end);
    child.on("close", (code, by) => {
      settle();
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${code ?? by}${words === "" ? "" : `: ${words.trim()}`}`));
    });
    if (signal.aborted) end();
  });
}

/** The environment without the secrets of the engine and of plinth. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PULUMI|PLINTH)_/.test(name)));
}

async function post(
  { url, tokenVariable }: NonNullable<Hook["http"]>,
  facts: HookFacts,
  signal: AbortSignal,
): Promise<void> {
  const { host } = new URL(url);
  const token = tokenVariable === undefined ? undefined : process.env[tokenVariable];
  if (tokenVariable !== undefined && !token) throw new Error(`${host}: ${tokenVariable} is not set`);
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(facts),
      redirect: "error",
      signal,
    });
  } catch (error) {
    const { cause, message } = error as { cause?: { message?: string }; message?: string };
    throw new Error(`${host}: ${cause?.message || message}`);
  }
  const text = (await answer.text()).slice(0, WORDS).trim();
  if (!answer.ok) throw new Error(`${host} answered ${answer.status}${text === "" ? "" : `: ${text}`}`);
}
