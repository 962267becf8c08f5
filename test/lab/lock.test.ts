import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Lock, lock, tryLock } from "../../lab/lock";

const path = `/lock/of/a/test/${process.pid}`;

async function take(name: string): Promise<Lock> {
  const taken = await tryLock(name, "a test");
  if (typeof taken === "string") throw new Error(`unexpectedly held by ${taken}`);
  return taken;
}

describe("a lock", () => {
  it("has one holder at a time, who is named to the others", async () => {
    const held = await take(path);
    expect(await tryLock(path, "another")).toBe(`a test (pid ${process.pid})`);
    held.release();
    (await take(path)).release();
  });

  it("of one path does not hold another", async () => {
    const [one, two] = [await take(`${path}/1`), await take(`${path}/2`)];
    one.release();
    two.release();
  });

  it("is waited for, the waiter told once by whom", async () => {
    const held = await take(path);
    const told: string[] = [];
    let got = false;
    const waiting = lock(path, "the waiter", (holder) => told.push(holder)).then((own) => {
      got = true;
      return own;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(got).toBe(false);
    held.release();
    (await waiting).release();
    expect(told).toEqual([`a test (pid ${process.pid})`]);
  });

  it("ends with a killed holder", async () => {
    const { createHash } = await import("node:crypto");
    const name = `plinth-${createHash("sha256").update(path).digest("hex").slice(0, 32)}`;
    const script = `require("net").createServer(s => s.write("doomed")).listen("\\0${name}", () => console.log("held"))`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    expect(await tryLock(path, "a test")).toBe("doomed");
    child.kill("SIGKILL");
    await once(child, "close");
    (await take(path)).release();
  });
});
