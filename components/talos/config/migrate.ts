import { CONTRACTS, type Contract } from "../releases";
import { contractFor, TWINS } from "./documents";
import { MOVES } from "./moves";
import { type ConfigDocument, isDocument, parseDocuments, renderDocument, valueAt } from "./yaml";

/** A field of the older form and the document that takes its place. */
export interface MovedField {
  /** As `machine.network.hostname`. */
  readonly field: string;
  /** As `HostnameConfig`, or `LinkConfig/net0`; empty when the newer form says the same by saying nothing. */
  readonly documents: readonly string[];
}

/** A field that stays in its older form, which Talos still reads. */
export interface KeptField {
  readonly field: string;
  readonly reason: string;
}

/** From one contract to the next. */
export interface MigrationStep {
  readonly from: Contract;
  readonly to: Contract;
  readonly moved: readonly MovedField[];
  readonly kept: readonly KeptField[];
}

/** How a machine configuration is brought to a newer contract. */
export interface MigrationPlan {
  readonly steps: readonly MigrationStep[];
  /** The migrated configuration, with sorted keys. Secret, as the original is. */
  readonly configuration: string;
}

/**
 * Moves what one node's configuration says in fields to the documents that a newer contract has for it, one contract at a
 * time; the meaning stays the same. What cannot be moved without guessing is kept as it is and listed with the reason:
 * newer Talos versions read the older form as well, only not both forms of one thing.
 *
 * @throws ProblemError when the configuration cannot be read.
 */
export function migrationPlan(configuration: string, from: Contract, to: Contract): MigrationPlan {
  const path = CONTRACTS.slice(CONTRACTS.indexOf(from), CONTRACTS.indexOf(to) + 1);
  let documents = parseDocuments(configuration);
  const steps = path.slice(1).map((next, index): MigrationStep => {
    const step = migrate(documents, next);
    documents = step.documents;
    return { from: path[index] ?? from, to: next, moved: step.moved, kept: step.kept };
  });
  return { steps, configuration: documents.map(renderDocument).join("---\n") };
}

interface Migrated {
  readonly documents: readonly ConfigDocument[];
  readonly moved: readonly MovedField[];
  readonly kept: readonly KeptField[];
}

function migrate(documents: readonly ConfigDocument[], to: Contract): Migrated {
  let main = documents.find((document) => document.kind === undefined);
  let rest: readonly ConfigDocument[] = documents.filter((document) => document !== main);
  if (main === undefined) return { documents, moved: [], kept: [] };
  const moved: MovedField[] = [];
  const kept: KeptField[] = [];
  for (const move of MOVES.filter(({ contract }) => contract === to)) {
    const config: ConfigDocument = main;
    const fields = move.fields.filter((field) => valueAt(config, field) !== undefined);
    if (fields.length === 0) continue;
    const result = move.convert(config);
    if (typeof result === "string") {
      kept.push(...fields.map((field) => ({ field, reason: result })));
      continue;
    }
    main = fields.reduce(without, config);
    rest = result.reduce(mergeDocument, rest);
    moved.push(...fields.map((field) => ({ field, documents: result.map(nameOf) })));
  }
  kept.push(...leftovers(main, to, kept));
  return { documents: Object.keys(main).length > 0 ? [main, ...rest] : rest, moved, kept };
}

/** Fields for which the contract has a document that plinth leaves to the generator of the role's base configuration. */
function leftovers(main: ConfigDocument, to: Contract, kept: readonly KeptField[]): readonly KeptField[] {
  return Object.entries(TWINS)
    .filter(([kind]) => contractFor(kind) === to)
    .flatMap(([kind, twins]) =>
      twins
        .filter(({ field, only }) => only === undefined && valueAt(main, field) !== undefined)
        .filter(({ field }) => !kept.some((other) => field === other.field || field.startsWith(`${other.field}.`)))
        .map(({ field }) => ({
          field,
          reason: `becomes ${kind} when the role's base configuration is generated for ${to}; valid as it is until then`,
        })),
    );
}

function nameOf(document: ConfigDocument): string {
  return document.name === undefined ? String(document.kind) : `${document.kind}/${document.name}`;
}

/** Adds a document, or its fields to the one that is there already. */
function mergeDocument(documents: readonly ConfigDocument[], added: ConfigDocument): readonly ConfigDocument[] {
  const same = documents.find((document) => nameOf(document) === nameOf(added));
  if (same === undefined) return [...documents, added];
  return documents.map((document) => (document === same ? merge(same, added) : document));
}

function merge(into: ConfigDocument, added: ConfigDocument): ConfigDocument {
  const entries = Object.entries(added).map(([key, value]) => {
    const there = into[key];
    return [key, isDocument(there) && isDocument(value) ? merge(there, value) : value];
  });
  return { ...into, ...Object.fromEntries(entries) };
}

/** A copy without the value at a path, and without the maps that are empty then. */
function without(document: ConfigDocument, path: string): ConfigDocument {
  const [key = "", ...below] = path.split(".");
  const { [key]: value, ...rest } = document;
  if (below.length === 0 || !isDocument(value)) return rest;
  const inner = without(value, below.join("."));
  return Object.keys(inner).length === 0 ? rest : { ...document, [key]: inner };
}
