import * as pulumi from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import { PrivateKey, SelfSignedCert } from "@pulumi/tls";
import type { KeepSpec, SecretPiece, SecretSpec } from "../kubernetes/service";
import { isWhole, stackSecrets } from "./stack";

/** Inputs of {@link Keep}. */
export interface KeepArgs {
  /** What is made and kept. Plain. A name taken out is refused by the engine until it is no longer protected. */
  readonly keep: KeepSpec;
  /** Looks a secret of the stack's configuration up. @default - there are none */
  readonly secret?: (name: string) => pulumi.Output<string> | undefined;
}

const HOURS_OF_A_YEAR = 8766;

/**
 * Passwords and keys that must outlive the cluster: protected in the stack's state, encrypted there, and found again by
 * the next cluster. `plinth destroy` leaves them.
 */
export class Keep extends pulumi.ComponentResource {
  /** @internal */
  static readonly __pulumiType = "plinth:secrets:Keep";

  readonly #passwords: ReadonlyMap<string, pulumi.Output<string>>;
  readonly #keypairs: ReadonlyMap<string, { key: pulumi.Output<string>; certificate: pulumi.Output<string> }>;
  readonly #secret: KeepArgs["secret"];

  constructor(name: string, { keep, secret }: KeepArgs, opts?: pulumi.ComponentResourceOptions) {
    const { passwords = {}, keypairs = {} } = keep;
    super(
      Keep.__pulumiType,
      name,
      { passwords: Object.keys(passwords).length, keypairs: Object.keys(keypairs).length },
      opts,
    );
    this.#secret = secret;
    this.#passwords = new Map(
      Object.entries(passwords).map(([key, { length }]) => [
        key,
        new RandomPassword(`${name}-${key}`, { length, special: false }, { parent: this, protect: true }).result,
      ]),
    );
    this.#keypairs = new Map(
      Object.entries(keypairs).map(([key, { commonName, authority, years }]) => {
        const { privateKeyPem } = new PrivateKey(
          `${name}-${key}`,
          { algorithm: "RSA", rsaBits: 4096 },
          { parent: this, protect: true },
        );
        const { certPem } = new SelfSignedCert(
          `${name}-${key}-certificate`,
          {
            privateKeyPem,
            isCaCertificate: authority,
            allowedUses: authority ? ["cert_signing", "crl_signing"] : ["key_encipherment"],
            subject: { commonName },
            validityPeriodHours: years * HOURS_OF_A_YEAR,
          },
          { parent: this, protect: true },
        );
        return [key, { key: privateKeyPem, certificate: certPem }];
      }),
    );
    this.registerOutputs({});
  }

  /** Whether the stack has every secret that a Secret is made from. */
  has(spec: SecretSpec): boolean {
    return stackSecrets(spec).every((name) => this.#secret?.(name) !== undefined);
  }

  /** The texts of a Secret by key (secret). */
  texts({ text }: SecretSpec): pulumi.Output<Record<string, string>> {
    if (isWhole(text))
      return pulumi.secret(pulumi.output(this.#piece(text)).apply((known) => parseTexts(text.stack, known)));
    const written = Object.entries(text).map(([key, pieces]): [string, pulumi.Output<string>] => [
      key,
      pulumi.all(pieces.map((piece) => this.#piece(piece))).apply((parts) => parts.join("")),
    ]);
    return pulumi.secret(pulumi.all(Object.fromEntries(written)));
  }

  #piece(piece: SecretPiece): pulumi.Input<string> {
    if (typeof piece === "string") return piece;
    const found = this.#find(piece);
    if (found === undefined) throw new Error(`nothing is kept for ${JSON.stringify(piece)}`);
    return found;
  }

  #find(piece: Exclude<SecretPiece, string>): pulumi.Output<string> | undefined {
    if ("stack" in piece) return this.#secret?.(piece.stack);
    if ("password" in piece) return this.#passwords.get(piece.password);
    return this.#keypairs.get(piece.keypair)?.[piece.part];
  }
}

/**
 * Options of a component that has a keep: a destroy leaves what is protected, and with it everything that the components
 * around it depend on. So those depend on nothing themselves; what else is in them does.
 */
export function aroundKeep(opts: pulumi.ComponentResourceOptions = {}): pulumi.ComponentResourceOptions {
  const { dependsOn, deletedWith, ...rest } = opts;
  return rest;
}

/** Reads a secret of the stack that holds several texts. A message never shows any of them. */
export function parseTexts(name: string, text: string): Record<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const sound =
    typeof parsed === "object" &&
    parsed !== null &&
    !Array.isArray(parsed) &&
    Object.values(parsed).every((each) => typeof each === "string");
  if (!sound) throw new pulumi.RunError(`secrets:${name} is not a JSON object of texts; write it as {"key": "text"}`);
  return parsed as Record<string, string>;
}

/** Everything that several parts want kept, as one. */
export function mergedKeep(specs: readonly (KeepSpec | undefined)[]): KeepSpec {
  return {
    passwords: Object.assign({}, ...specs.map((spec) => spec?.passwords)),
    keypairs: Object.assign({}, ...specs.map((spec) => spec?.keypairs)),
  };
}
