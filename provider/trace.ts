import { appendFileSync } from "node:fs";

/**
 * With `PLINTH_TRACE=<file>` every driver call leaves two JSON lines there, before and after: the points at which a
 * crash can strike, for tests that enumerate them.
 */
export function traced<T extends object>(driver: string, target: T, file = process.env.PLINTH_TRACE): T {
  if (file === undefined || file === "") return target;
  const note = (call: string, point: "start" | "end", on: unknown): void => {
    const where = typeof on === "string" && on.length <= 64 && !on.includes("\n") ? on : undefined;
    appendFileSync(file, `${JSON.stringify({ time: Date.now(), pid: process.pid, driver, call, point, on: where })}\n`);
  };
  return new Proxy(target, {
    get(object, name, receiver) {
      const member = Reflect.get(object, name, receiver);
      if (typeof member !== "function" || typeof name !== "string") return member;
      return async (...args: readonly unknown[]) => {
        note(name, "start", args[0]);
        try {
          return await member.apply(object, args);
        } finally {
          note(name, "end", args[0]);
        }
      };
    },
  });
}
