import { z } from "zod";
import {
  HARDWARE_RESOURCES,
  type HardwareFacts,
  hardwareFacts,
  type TalosResource,
} from "../../components/hardware/facts";
import { classify, errorSentence } from "./parse";
import { run, talosctlBinary } from "./run";
import { TalosError } from "./talos";

/** Longest wait for one kind of resource, in seconds. */
const READ = 15;

const resource = z.object({ metadata: z.object({ id: z.string() }), spec: z.unknown() });

/** What a machine in maintenance mode tells of its hardware. @throws TalosError */
export async function readHardware(node: string, signal: AbortSignal): Promise<HardwareFacts> {
  const told: Record<string, readonly TalosResource[] | undefined> = {};
  for (const kind of HARDWARE_RESOURCES) told[kind] = await list(node, kind, signal);
  return hardwareFacts(told);
}

/** All resources of a kind; `undefined` if this Talos does not know it, or tells nobody in maintenance mode. */
async function list(node: string, kind: string, signal: AbortSignal): Promise<readonly TalosResource[] | undefined> {
  const args = ["get", kind, "-o", "json", "--insecure", "--endpoints", node, "--nodes", node];
  const { code, stdout, stderr } = await run(talosctlBinary(), { node, args, secrets: [], seconds: READ, signal });
  if (code === 0) return objects(stdout).map((each) => ({ id: each.metadata.id, spec: each.spec }));
  if (/is not registered|NotFound|PermissionDenied|not authorized/.test(stderr)) return undefined;
  throw new TalosError(classify(stderr), node, `get ${kind}: ${errorSentence(stderr)}`);
}

/** talosctl prints one indented object after the other. */
function objects(text: string): z.infer<typeof resource>[] {
  return text
    .split(/^(?=\{)/m)
    .filter((part) => part.trim() !== "")
    .map((part) => resource.parse(JSON.parse(part)));
}
