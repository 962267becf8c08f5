/** What a handler gives back; the listener turns it into HTTP. */
export interface Answer {
  readonly status: number;
  readonly type: "application/json" | "application/octet-stream" | "application/yaml" | "text/plain";
  readonly body: string;
  /** File to send instead of the body. */
  readonly file?: string;
}

/** What a handler may know of a request. */
export interface Question {
  readonly method: string;
  /** Path and query exactly as sent: nothing is decoded, so nothing can hide. */
  readonly url: string;
  readonly from: string;
  readonly authorization: string | undefined;
  /** Reads the body; rejects one that is too large or too slow. */
  readonly body: () => Promise<string>;
}

export const plain = (body: string, status = 200): Answer => ({ status, type: "text/plain", body });
export const json = (value: unknown, status = 200): Answer => ({
  status,
  type: "application/json",
  body: `${JSON.stringify(value)}\n`,
});
export const notFound: Answer = plain("not found\n", 404);
