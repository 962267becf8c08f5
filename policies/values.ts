import { SECRET, SIGNATURE, UNKNOWNS } from "../provider/host/values";
import type { Properties } from "./rule";
import { checked, SEALED } from "./unknown";

/**
 * Properties as the engine, a state file and a preview write them: a secret is an object with a signature, and what is
 * not known is a text of its own.
 */

/** What a preview's JSON shows of a secret. */
const BLINDED = "[secret]";

/** Both sides of some properties; each is read when a rule asks for it. */
export class Values {
  private readonly cache: { props?: Properties; open?: Properties } = {};

  constructor(private readonly wire: { readonly [name: string]: unknown }) {}

  /** With secrets in the open; reading what is not known throws. */
  get props(): Properties {
    this.cache.props ??= checked(read(this.wire, "open") as Properties);
    return this.cache.props;
  }

  /** Without secrets and unknown values. */
  get open(): Properties {
    this.cache.open ??= (read(this.wire, "leave out") ?? {}) as Properties;
    return this.cache.open;
  }
}

function read(wire: unknown, secrets: "open" | "leave out"): unknown {
  if (wire === null || wire === undefined) return undefined;
  if (typeof wire === "string") {
    if (secrets === "leave out") return UNKNOWNS.has(wire) || wire === BLINDED ? undefined : wire;
    return wire === BLINDED ? SEALED : wire;
  }
  if (typeof wire !== "object") return wire;
  if (Array.isArray(wire)) return wire.map((item) => read(item, secrets) ?? null);
  const fields = wire as { readonly [name: string]: unknown };
  if (SIGNATURE in fields) {
    if (fields[SIGNATURE] !== SECRET) return undefined;
    return secrets === "leave out" ? undefined : read(unsealed(fields), secrets);
  }
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, item]) => {
      const value = read(item, secrets);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** What the engine sends lies open inside the mark; a file holds it encrypted, or as JSON. */
function unsealed(secret: { readonly [name: string]: unknown }): unknown {
  if ("value" in secret) return secret.value;
  return typeof secret.plaintext === "string" ? JSON.parse(secret.plaintext) : SEALED;
}
