import { createHash } from "node:crypto";
import { connect, createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Held until {@link release}, or until this process ends, whichever comes first. */
export interface Lock {
  release(): void;
}

/** Who holds a lock, in words: `plinth lab up (pid 4711)`. */
type Holder = string;

/**
 * Takes the lock of `path` or says who has it.
 *
 * The lock is a name in the kernel's abstract socket namespace, derived from the path: the kernel frees it with its
 * process, so a crash leaves no stale lock and there is no lock file to clean.
 */
export async function tryLock(path: string, purpose: string): Promise<Lock | Holder> {
  const name = socketName(path);
  const mine = `${purpose} (pid ${process.pid})`;
  // Whoever asks is told the holder and keeps the connection until the lock is free.
  const waiting = new Set<{ destroy(): void }>();
  const server = createServer((other) => {
    waiting.add(other);
    other.on("error", () => {}).on("close", () => waiting.delete(other));
    other.write(mine);
    other.unref();
  });
  if (await listens(server, name)) {
    server.unref();
    return {
      release: () => {
        server.close();
        for (const other of waiting) other.destroy();
      },
    };
  }
  const asked = await ask(name);
  asked.leave();
  return asked.holder;
}

/** Takes the lock of `path`, waiting for its holder; `onWait` is told once who that is. */
export async function lock(path: string, purpose: string, onWait: (holder: string) => void): Promise<Lock> {
  for (let told = false; ; ) {
    const taken = await tryLock(path, purpose);
    if (typeof taken !== "string") return taken;
    if (!told && taken !== "") {
      told = true;
      onWait(taken);
    }
    await (await ask(socketName(path))).freed;
    await sleep(20);
  }
}

function socketName(path: string): string {
  return `\0plinth-${createHash("sha256").update(path).digest("hex").slice(0, 32)}`;
}

function listens(server: Server, name: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(false) : reject(error),
    );
    server.listen(name, () => resolve(true));
  });
}

/** What a lock's holder said. */
interface Asked {
  /** Empty when the lock was freed meanwhile, or when its holder is too busy or stopped to say. */
  readonly holder: Holder;
  readonly freed: Promise<void>;
  /** Stops listening for {@link freed}: the open connection would keep this process alive as long as the lock. */
  leave(): void;
}

function ask(name: string): Promise<Asked> {
  return new Promise((resolve) => {
    const socket = connect(name);
    const freed = new Promise<void>((free) => socket.on("error", () => {}).on("close", () => free()));
    const leave = () => socket.destroy();
    socket.once("data", (data) => resolve({ holder: data.toString(), freed, leave }));
    socket.once("close", () => resolve({ holder: "", freed, leave }));
    socket.setTimeout(2000, () => resolve({ holder: "", freed, leave }));
  });
}
