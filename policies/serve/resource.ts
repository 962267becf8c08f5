/**
 * Resources of the engine's requests, read straight into plain values and only as far as rules look. The generated classes
 * make several objects of every value, for each of two requests about every resource.
 */
import { AnalyzerProviderResource, AnalyzerResourceOptions } from "@pulumi/pulumi/proto/analyzer_pb";
import { BinaryReader } from "google-protobuf";

type Plain = { readonly [name: string]: unknown };

/** What a request says of one resource. */
export interface Told {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Reads them, once. */
  properties(): Plain;
  readonly protect: boolean;
  readonly secretOutputs: readonly string[];
  readonly ignoreChanges: readonly string[];
  /** URN of its provider. */
  readonly provider?: string;
}

/** An `AnalyzeRequest`, or one `AnalyzerResource`: they begin with the same fields. */
export function readResource(bytes: Uint8Array): Told {
  const reader = new BinaryReader(bytes);
  const options = new AnalyzerResourceOptions();
  const provider = new AnalyzerProviderResource();
  let [type, urn, name, properties] = ["", "", "", new Uint8Array()];
  while (reader.nextField()) {
    const field = reader.getFieldNumber();
    if (field === 1) type = reader.readString();
    else if (field === 2) properties = reader.readBytes() as Uint8Array<ArrayBuffer>;
    else if (field === 3) urn = reader.readString();
    else if (field === 4) name = reader.readString();
    else if (field === 5) reader.readMessage(options, AnalyzerResourceOptions.deserializeBinaryFromReader);
    else if (field === 6) reader.readMessage(provider, AnalyzerProviderResource.deserializeBinaryFromReader);
    else reader.skipField();
  }
  let read: Plain | undefined;
  return {
    urn,
    type,
    name,
    properties() {
      read ??= readStruct(new BinaryReader(properties));
      return read;
    },
    protect: options.getProtect(),
    secretOutputs: options.getAdditionalsecretoutputsList(),
    ignoreChanges: options.getIgnorechangesList(),
    ...(provider.getUrn() !== "" && { provider: provider.getUrn() }),
  };
}

/** The resources of an `AnalyzeStackRequest`. */
export function readStack(bytes: Uint8Array): readonly Told[] {
  return messages(new BinaryReader(bytes), 1).map(readResource);
}

/** Every occurrence of one field that holds messages. */
function messages(reader: BinaryReader, wanted: number): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  while (reader.nextField()) {
    if (reader.getFieldNumber() === wanted) found.push(reader.readBytes() as Uint8Array);
    else reader.skipField();
  }
  return found;
}

/** A `google.protobuf.Struct`; a field with any name is one of its own. */
function readStruct(reader: BinaryReader): Plain {
  const fields: (readonly [string, unknown])[] = [];
  each(reader, () => fields.push(nested(reader, readEntry)));
  return Object.fromEntries(fields);
}

function readList(reader: BinaryReader): readonly unknown[] {
  const items: unknown[] = [];
  each(reader, () => items.push(nested(reader, readValue)));
  return items;
}

function readEntry(reader: BinaryReader): readonly [string, unknown] {
  let key = "";
  let value: unknown = null;
  each(reader, (field) => {
    if (field === 1) key = reader.readString();
    else value = nested(reader, readValue);
  });
  return [key, value];
}

function readValue(reader: BinaryReader): unknown {
  let value: unknown = null;
  each(reader, (field) => {
    if (field === 2) value = reader.readDouble();
    else if (field === 3) value = reader.readString();
    else if (field === 4) value = reader.readBool();
    else if (field === 5) value = nested(reader, readStruct);
    else if (field === 6) value = nested(reader, readList);
    else reader.skipField();
  });
  return value;
}

function each(reader: BinaryReader, read: (field: number) => void): void {
  while (reader.nextField()) read(reader.getFieldNumber());
}

function nested<T>(reader: BinaryReader, read: (reader: BinaryReader) => T): T {
  const box: { value?: T } = {};
  reader.readMessage(box, () => {
    box.value = read(reader);
  });
  return box.value as T;
}
