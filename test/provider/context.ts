import type { Act } from "../../provider/audit";
import { redactor } from "../../provider/host/redact";
import type { Context } from "../../provider/resource";

/** A context whose every word is kept. */
export interface Heard {
  readonly context: Context;
  readonly lines: string[];
  readonly acts: Act[];
  readonly abort: (reason?: string) => void;
}

/** A context as the host makes it, without an engine; `secrets` are what the host would redact. */
export function listen(secrets: readonly string[] = [], onAct: (act: Act) => void = () => undefined): Heard {
  const controller = new AbortController();
  const redact = redactor(secrets);
  const lines: string[] = [];
  const acts: Act[] = [];
  const say = (message: string): void => {
    lines.push(redact(message));
  };
  return {
    lines,
    acts,
    abort: (reason = "the update was cancelled") => controller.abort(new Error(reason)),
    context: {
      urn: "urn:pulumi:test::test::plinth:test:Thing::thing",
      config: {},
      signal: controller.signal,
      log: { info: say, warn: say, progress: say },
      audit: async (act) => {
        acts.push({ ...act, detail: redact(act.detail) });
        onAct(act);
      },
      lease: (_hold, work) => work(controller.signal),
      redact,
    },
  };
}
