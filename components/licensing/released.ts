/** When this plinth was made, in UTC: a clock that says less is wrong. Raised with every release. */
export const RELEASED = "2026-11-01T00:00:00Z";
