/** From what differs to what the engine prints. */
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import { unknown } from "../draft";
import { type Change, propertyPath } from "../resource";

const KINDS = {
  add: [pb.PropertyDiff.Kind.ADD, pb.PropertyDiff.Kind.ADD_REPLACE],
  delete: [pb.PropertyDiff.Kind.DELETE, pb.PropertyDiff.Kind.DELETE_REPLACE],
  update: [pb.PropertyDiff.Kind.UPDATE, pb.PropertyDiff.Kind.UPDATE_REPLACE],
} as const;

export function diffResponse(changes: readonly Change[], deleteBeforeReplace: boolean): pb.DiffResponse {
  const response = new pb.DiffResponse();
  response.setHasdetaileddiff(true);
  response.setChanges(
    changes.length > 0 ? pb.DiffResponse.DiffChanges.DIFF_SOME : pb.DiffResponse.DiffChanges.DIFF_NONE,
  );
  const details = response.getDetaileddiffMap();
  for (const change of changes) {
    const detail = new pb.PropertyDiff();
    detail.setKind(KINDS[change.kind][change.replace === undefined ? 0 : 1]);
    detail.setInputdiff(change.output !== true);
    details.set(change.path, detail);
  }
  response.setDiffsList([...new Set(changes.map((change) => topKey(change.path)))]);
  response.setReplacesList([
    ...new Set(changes.filter((change) => change.replace !== undefined).map((change) => topKey(change.path))),
  ]);
  response.setDeletebeforereplace(deleteBeforeReplace);
  return response;
}

function topKey(path: string): string {
  return path.split(/[.[]/, 1)[0] ?? path;
}

/** Every leaf that differs between two plain values. An unknown new part counts as an update. */
export function changesBetween(
  before: unknown,
  after: unknown,
  ...path: readonly (string | number)[]
): readonly Change[] {
  if (before === after) return [];
  const at = propertyPath(...path);
  if (before === undefined) return [{ path: at, kind: "add" }];
  if (after === undefined) return [{ path: at, kind: "delete" }];
  if (after === unknown || !isTree(before) || !isTree(after) || Array.isArray(before) !== Array.isArray(after)) {
    return [{ path: at, kind: "update" }];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) =>
    changesBetween(before[key], after[key], ...path, Array.isArray(before) ? Number(key) : key),
  );
}

function isTree(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null;
}
