import { parseArgs } from "node:util";
import { seconds } from "../ticker";
import { text, type Versions } from "./site";
import { Stand } from "./stand";

/**
 * Brings a lab up with the first of the given versions and to the last ones in one `up`, by the provider process and the
 * real talosctl. etcd keeps its quorum all the while, each machine boots once for every Talos on the way, and afterwards
 * machines and kubelets say themselves that they are there. Another `up` from elsewhere meanwhile is told who is at work.
 */
const HOLDER = /is being changed by \S+@\S+ pid \d+/;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      talos: { type: "string", default: "v1.13.0,v1.13.9,v1.14.1" },
      kubernetes: { type: "string", default: "v1.36.3" },
      contract: { type: "string", default: "v1.13" },
    },
  });
  const available = { talos: values.talos.split(","), kubernetes: values.kubernetes.split(",") };
  const at = (place: number): Versions => ({
    talos: available.talos.at(place) ?? "",
    kubernetes: available.kubernetes.at(place) ?? "",
  });
  const stand = new Stand("rehearsal", { available, contract: values.contract });
  try {
    const begun = Date.now();
    await stand.reset();
    const made = await stand.up(at(0), { watch: false });
    if (!made.ok) throw new Error(`the lab did not come up with ${text(at(0))}, see ${stand.logFile}`);
    console.log(`ok      ${text(at(0))} is up (${seconds(Date.now() - begun)})`);

    const started = Date.now();
    const rival = stand.rival();
    const over = new AbortController();
    const running = stand.up(at(-1)).finally(() => over.abort());
    const refusal = (await stand.begun(at(0), over.signal)) ? await rival.up() : undefined;
    const ended = await running;
    for (const line of stepsIn(ended.output)) console.log(`        ${line}`);
    const reboots = available.talos.length - 1;
    const odd = Object.entries(ended.boots).filter(([, boots]) => boots !== reboots);
    const wrong = [
      ...(ended.ok ? [] : ["the update failed"]),
      ...(ended.quorumLost.length > 0 ? [`etcd had no quorum at ${ended.quorumLost[0]}`] : []),
      ...odd.map(([name, boots]) => `${name} booted ${boots} times instead of ${reboots}`),
      ...(HOLDER.test(refusal ?? "") ? [] : [`another run at the same time was not refused: it said ${refusal}`]),
      ...(await stand.differences(at(-1))),
      ...((await stand.isSettled()) ? [] : ["a preview afterwards still finds changes"]),
    ];
    const verdict = wrong.length === 0 ? "ok    " : "FAILED";
    console.log(`${verdict}  ${text(at(0))} → ${text(at(-1))} (${seconds(Date.now() - started)})`);
    console.log(`        another run meanwhile: ${HOLDER.exec(refusal ?? "")?.[0] ?? "was not refused"}`);
    console.log(`        ${ended.samples} looks at etcd, boots: ${JSON.stringify(ended.boots)}`);
    for (const reason of wrong) console.log(`        ${reason}; see ${stand.logFile}`);
    if (wrong.length > 0) process.exitCode = 1;
  } finally {
    await stand.reset();
  }
}

/** The steps that an update says it makes. */
function stepsIn(output: string): readonly string[] {
  return [...output.matchAll(/step \d+ of \d+, .*/g)].map(([line]) => line);
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
