import { spawn } from "node:child_process";
import { once } from "node:events";
import { descendants, findByArguments, identify, isAlive, signal, stop } from "../../lab/process";

/** A process that obeys or ignores SIGTERM, once it is ready. */
async function child(script: string) {
  const started = spawn(process.execPath, ["-e", `${script}; console.log("ready"); setInterval(() => {}, 1000)`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(started.stdout, "data");
  const id = identify(started.pid ?? 0);
  if (id === undefined) throw new Error("the child is not there");
  return id;
}

describe("processes", () => {
  it("are told apart from later ones with the same pid", async () => {
    const id = await child("");
    expect(isAlive(id)).toBe(true);
    expect(isAlive({ ...id, started: "1" })).toBe(false);
    expect(signal({ ...id, started: "1" }, "SIGKILL")).toBe(false);
    await stop(id);
    expect(isAlive(id)).toBe(false);
  });

  it("that ignore the request to end are ended after the grace", async () => {
    const id = await child("process.on('SIGTERM', () => {})");
    const before = Date.now();
    await stop(id, 0.3);
    expect(isAlive(id)).toBe(false);
    expect(Date.now() - before).toBeGreaterThanOrEqual(290);
  });

  it("are found as descendants and by their arguments", async () => {
    const id = await child("/* needle-of-this-test */");
    expect(descendants(process.pid)).toContainEqual(id);
    expect(findByArguments((args) => args.some((arg) => arg.includes("needle-of-this-test")))).toEqual([id]);
    await stop(id);
    expect(descendants(process.pid)).not.toContainEqual(id);
  });
});
