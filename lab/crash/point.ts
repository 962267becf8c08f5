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

/** Calls whose subject depends on who leads etcd, which differs by run. */
const LEADER = /^(forfeitLeadership|etcdSnapshot)$/;

/** The point that a line of the provider's trace marks. `subnet` is cut off addresses, which differ by instance. */
export function driverPoint(line: string, subnet: string): Point {
  const { driver, call, point, on }: { driver: string; call: string; point: string; on?: string } = JSON.parse(line);
  const subject = on === undefined || LEADER.test(call) ? "" : ` ${on.replaceAll(`${subnet}.`, ".")}`;
  return `driver ${point === "start" ? "begin" : "end"} ${driver} ${call}${subject}`;
}

/** Calls by which an upgrade changes a machine or its Node, or waits long for one. */
const STEPS =
  /^driver (begin|end) (talos (etcdSnapshot|pull|install|installAndReboot|reboot|apply|forfeitLeadership|upgradeKubernetes)|kubernetes setMark)\b/;

/** Whether a point lies right before or after a step. Between two steps nothing changes: any kill there is the same. */
export function isStep(point: Point): boolean {
  return STEPS.test(point);
}

/** A kill at a point, or so long after it. */
export interface Blow {
  readonly name: string;
  readonly point: Point;
  readonly seconds: number;
}

/** Steps in which another program works for a while, at records of its own. */
const LONG = /^engine begin (create|update) Release\b/;

/** What is tried at a point: the middle of a long step is neither like its begin nor like its end. */
export function blowsAt(point: Point): readonly Blow[] {
  return (LONG.test(point) ? [0, 1, 2] : [0]).map((seconds) => ({
    name: seconds === 0 ? point : `${point} +${seconds} s`,
    point,
    seconds,
  }));
}

/** Gives each point its name: a step that is made again on the same machine is a point of its own, numbered from 2. */
export class Passage {
  private readonly times = new Map<Point, number>();

  /** The name; undefined when this point has been passed and is no step. */
  pass(point: Point): Point | undefined {
    const time = (this.times.get(point) ?? 0) + 1;
    this.times.set(point, time);
    if (time === 1) return point;
    return isStep(point) ? `${point} (${time})` : undefined;
  }
}

/** `count` of the points, another choice for every seed, the same choice for the same seed. */
export function sample(points: readonly Point[], count: number, seed: string): Point[] {
  const rank = (point: Point) => createHash("sha256").update(`${seed}\n${point}`).digest("hex");
  const chosen = new Set([...points].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, count));
  return points.filter((point) => chosen.has(point));
}
