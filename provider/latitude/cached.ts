import type { Latitude } from "./api";

/** How long an answer that is the same for every server is kept, in milliseconds. */
const KEPT_MS = 60_000;

interface Kept {
  readonly at: number;
  readonly answer: Promise<unknown>;
}

const kept = new Map<string, Kept>();

/**
 * Asks once for what is the same for every server of a preview: a key may ask sixty times a minute. `account` tells
 * accounts apart; answers live in this process only.
 */
export function cached(account: string, client: Latitude): Latitude {
  const once = <T>(question: string, ask: () => Promise<T>): Promise<T> => {
    const key = `${account} ${question}`;
    const known = kept.get(key);
    if (known !== undefined && Date.now() - known.at < KEPT_MS) return known.answer as Promise<T>;
    const answer = ask();
    kept.set(key, { at: Date.now(), answer });
    // A failure is no answer: the next one asks again.
    answer.catch(() => kept.delete(key));
    return answer;
  };
  return {
    ...client,
    offers: (signal) => once("offers", () => client.offers(signal)),
    quota: (signal) => once("quota", () => client.quota(signal)),
    projects: (signal) => once("projects", () => client.projects(signal)),
  };
}
