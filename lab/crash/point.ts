import { createHash } from "node:crypto";
import type { EngineEvent } from "@pulumi/pulumi/automation";
import { shortName } from "../engine/report";

/**
 * A moment at which the engine can be killed, by a name that is the same in every run: the begin or end of an engine
 * step, or of the first call of a driver with the same subject.
 */
export type Point = string;

/** The point that an engine event marks; undefined for events that are none. */
export function enginePoint({ resourcePreEvent, resOutputsEvent }: EngineEvent): Point | undefined {
  const [metadata, when] =
    resourcePreEvent !== undefined ? [resourcePreEvent.metadata, "begin"] : [resOutputsEvent?.metadata, "end"];
  if (metadata === undefined || metadata.op === "same" || metadata.type === "pulumi:pulumi:Stack") return undefined;
  return `engine ${when} ${metadata.op} ${shortName(metadata.urn)}`;
}

/** The point that a line of the provider's trace marks. `subnet` is cut off addresses, which differ by instance. */
export function driverPoint(line: string, subnet: string): Point {
  const { driver, call, point, on }: { driver: string; call: string; point: string; on?: string } = JSON.parse(line);
  const subject = on === undefined ? "" : ` ${on.replaceAll(`${subnet}.`, ".")}`;
  return `driver ${point === "start" ? "begin" : "end"} ${driver} ${call}${subject}`;
}

/** `count` of the points, another choice for every seed, the same choice for the same seed. */
export function sample(points: readonly Point[], count: number, seed: string): Point[] {
  const rank = (point: Point) => createHash("sha256").update(`${seed}\n${point}`).digest("hex");
  const chosen = new Set([...points].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, count));
  return points.filter((point) => chosen.has(point));
}
