/**
 * One thing that is wrong with an input: where, what, and the way out. The only way plinth refuses bad input, in the
 * site file, in a component, in the provider's check and in a policy.
 */
export interface Problem {
  /** Dotted path of the value, as in `machines.cp-1.address` or `nodes["cp-1"].talos`; empty for the whole input. */
  readonly path: string;
  /** What is wrong, with the offending value (never a secret one). */
  readonly reason: string;
  /** What to do about it. */
  readonly fix: string;
}

/** One line a person can act on: `path: what is wrong (what to do)`. */
export function formatProblem(problem: Problem): string {
  const where = problem.path === "" ? "" : `${problem.path}: `;
  return `${where}${problem.reason} (${problem.fix})`;
}

/** Every problem on a line of its own, under one heading. */
export function formatProblems(heading: string, problems: readonly Problem[]): string {
  return [heading, ...problems.map((problem) => `  - ${formatProblem(problem)}`)].join("\n");
}

/** Bad input. Printed without a stack trace: it is the user's to mend, and nothing was changed. */
export class ProblemError extends Error {
  constructor(
    heading: string,
    readonly problems: readonly Problem[],
  ) {
    super(formatProblems(heading, problems));
    this.name = "ProblemError";
  }
}

/** Throws a {@link ProblemError} if there is any problem. */
export function refuse(heading: string, problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ProblemError(heading, problems);
}
