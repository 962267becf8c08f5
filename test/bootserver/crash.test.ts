/** The boot server killed at any moment: it forgets no lease, and repeats no wipe. */
import { setTimeout as sleep } from "node:timers/promises";
import { ServerProcess } from "./process";
import { fetchText, freshFolder, removeFolders } from "./support";

jest.setTimeout(120_000);
afterAll(removeFolders);

const ROUNDS = 6;
const macOf = (machine: number) => `52:54:00:00:01:${machine.toString(16).padStart(2, "0")}`;

test("killed at any moment it forgets no permission and no lease, and wipes nothing twice", async () => {
  const state = freshFolder();
  const known = new Map<string, "granted" | "leased" | "wiped">();
  const wiped = new Map<string, number>();
  let next = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const server = await ServerProcess.start(state);
    let answers = 0;
    for (const [mac, was] of known) {
      const now = await server.client.machine(mac, AbortSignal.timeout(5000));
      // What was answered is known; more may have happened whose answer was lost.
      const allowed = { granted: ["granted", "leased", "ended"], leased: ["leased"], wiped: ["ended"] }[was];
      expect([mac, was, allowed.includes(now?.phase ?? "forgotten")]).toEqual([mac, was, true]);
    }
    const lane = async (): Promise<void> => {
      for (;;) {
        const machine = next++ % 256;
        const mac = macOf(machine);
        const action = machine % 2 === 0 ? "install" : "wipe";
        if (!known.has(mac)) {
          await server.grant({ mac, action });
          known.set(mac, "granted");
        }
        const script = await server.boot(mac);
        answers += 1;
        if (script.includes("halt_if_installed")) known.set(mac, "leased");
        const [confirm] = /http\S+\/wipe\/[0-9a-f]+/.exec(script) ?? [];
        if (confirm === undefined) continue;
        if (!(await fetchText(confirm)).body.includes("talos.experimental.wipe")) continue;
        wiped.set(mac, (wiped.get(mac) ?? 0) + 1);
        known.set(mac, "wiped");
      }
    };
    const lanes = Promise.allSettled(Array.from({ length: 6 }, lane));
    // The kill comes in the middle of whatever happens after that many answers.
    const enough = 1 + Math.floor(Math.random() * 30);
    for (const end = Date.now() + 10_000; answers < enough && Date.now() < end; ) await sleep(1);
    await server.end("SIGKILL");
    await lanes;
  }
  expect([...wiped.values()].filter((times) => times > 1)).toEqual([]);
  expect([...known.values()].filter((was) => was !== "granted").length).toBeGreaterThan(ROUNDS / 2);
});

test("it ends when it is told to, at once and cleanly", async () => {
  const state = freshFolder();
  const server = await ServerProcess.start(state);
  await server.grant({});
  expect(await server.end("SIGTERM")).toBe(0);
  const again = await ServerProcess.start(state);
  expect(await again.client.machines(AbortSignal.timeout(5000))).toHaveLength(1);
  await again.end("SIGTERM");
});
