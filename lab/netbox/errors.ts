/** An answer other than success, with the body a NetBox server gives. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly body: unknown,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(`HTTP ${status}`);
    this.name = "ApiError";
  }
}

/** Field errors of one object: `{"status": ["bogus is not a valid choice."]}`. */
export type FieldErrors = Record<string, unknown>;

/** Collects what is wrong with one object, field by field. */
export class Invalid extends Error {
  constructor(readonly errors: FieldErrors) {
    super("invalid object");
    this.name = "Invalid";
  }
}

/** One error of one field. */
export function invalid(field: string, message: string): Invalid {
  return new Invalid({ [field]: [message] });
}

/** An error of the model as a whole. */
export function invalidModel(message: string): Invalid {
  return invalid("__all__", message);
}

/** `{"detail": …}` with the status. */
export function detail(status: number, text: string, headers?: Readonly<Record<string, string>>): ApiError {
  return new ApiError(status, { detail: text }, headers);
}
