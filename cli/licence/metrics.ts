import type { Use } from "../../components/licensing/use";
import { grant, LICENCE_STATES, type Verdict } from "../../components/licensing/verdict";
import { ProblemError } from "../../components/problem";

/** How a licence stands, as Prometheus reads it: nothing in it names a customer or a machine. */
export function metricsText(verdict: Verdict, use: Use, now: Date): string {
  const limits = verdict.licence && grant(verdict.licence)?.limits;
  // Not sites: a cluster knows of itself alone, and 1 would be said of any number of them.
  const counted = ["nodes", "gpus"] as const;
  const families: readonly [name: string, help: string, rows: readonly (readonly [labels: string, value: number])[]][] =
    [
      ["plinth_licence_entitled", "Whether the site may grow.", [["", verdict.entitled ? 1 : 0]]],
      [
        "plinth_licence_verdict",
        "1 for the verdict that was found, 0 for all others.",
        LICENCE_STATES.map((state) => [`{verdict="${state}"}`, state === verdict.state ? 1 : 0]),
      ],
      [
        "plinth_licence_days_left",
        "Days until the licence ends, or in grace until the grace does.",
        verdict.daysLeft === undefined ? [] : [["", verdict.daysLeft]],
      ],
      ["plinth_licence_used", "How much is used.", counted.map((what) => [`{what="${what}"}`, use[what]])],
      [
        "plinth_licence_limit",
        "How much is licensed; absent where there is no limit.",
        counted.flatMap((what) => {
          const limit = limits?.[what];
          return limit === undefined ? [] : [[`{what="${what}"}`, limit] as const];
        }),
      ],
      [
        "plinth_licence_checked_seconds",
        "When it was judged, in seconds since 1970.",
        [["", Math.floor(now.getTime() / 1000)]],
      ],
    ];
  return families
    .flatMap(([name, help, rows]) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} gauge`,
      ...rows.map(([labels, value]) => `${name}${labels} ${value}`),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

/** Hands metrics to a Pushgateway, in place of those of the last time. @throws ProblemError */
export async function pushMetrics(url: string, text: string): Promise<void> {
  const fail = (reason: string) =>
    new ProblemError("The metrics were not taken:", [
      {
        path: "--push",
        reason: `${url}: ${reason}`,
        fix: "what was found stands in ConfigMap licence-status all the same",
      },
    ]);
  const signal = AbortSignal.timeout(10_000);
  const answer = await fetch(url, { method: "PUT", body: text, signal }).catch((error: Error) => {
    throw fail(error.message);
  });
  await answer.body?.cancel();
  if (!answer.ok) throw fail(`it answers ${answer.status}`);
}
