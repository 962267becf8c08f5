import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { up } from "../commands/up";
import { Instance } from "../instance/instance";
import { descendants, findByArguments, signal } from "../process";
import { Ticker } from "../ticker";
import { driverPoint, enginePoint, Passage, type Point } from "./point";

/**
 * One `lab up` that prints every point it passes and, at the one it is given, kills the engine as hard as it gets and
 * dies with it: `node victim.js <instance> <stack file> <trace file> [point] [engine|provider] [seconds]`. With `provider`
 * plinth's provider is killed and the engine is left to find out; with seconds, so long after the point. Exit code 9 says
 * that it was killed.
 */
async function main(words: readonly string[]): Promise<void> {
  const [name = "", stackFile = "", trace = "", target, whom = "engine", seconds = "0"] = words;
  const instance = new Instance(name);
  const passage = new Passage();
  const kill = whom === "provider" ? killProvider : die;
  const pass = (passed: Point | undefined) => {
    const point = passed === undefined ? undefined : passage.pass(passed);
    if (point === undefined) return;
    process.stdout.write(`${point}\n`);
    if (point !== target) return;
    if (seconds === "0") kill();
    else setTimeout(kill, Number(seconds) * 1000);
  };
  const tail = new Tail(trace);
  const readTrace = () => {
    for (const line of tail.lines()) pass(driverPoint(line, instance.read()?.subnet ?? ""));
  };
  const timer = setInterval(readTrace, 5);
  const ticker = new Ticker();
  await up(instance, {
    ticker,
    signal: new AbortController().signal,
    stackFile,
    env: { PLINTH_TRACE: trace },
    onEvent: (event) => {
      readTrace();
      pass(enginePoint(event));
    },
  });
  clearInterval(timer);
  readTrace();
  ticker.close();
}

let killedProvider = false;

/** The engine hears it from the connection that ends, and fails in its own way. */
function killProvider(): void {
  const providers = new Set(
    findByArguments((args) => args.some((arg) => arg.endsWith("dist/provider/main.js"))).map(({ pid }) => pid),
  );
  for (const child of descendants(process.pid)) {
    if (providers.has(child.pid)) killedProvider = signal(child, "SIGKILL") || killedProvider;
  }
}

function die(): never {
  const engines = new Set(findByArguments((args) => args[0]?.endsWith("/pulumi") === true).map(({ pid }) => pid));
  for (const child of descendants(process.pid)) if (engines.has(child.pid)) signal(child, "SIGKILL");
  process.exit(9);
}

/** Lines appended to a file since the last look. */
class Tail {
  private position = 0;
  private rest = "";

  constructor(private readonly path: string) {}

  lines(): string[] {
    if (!existsSync(this.path)) return [];
    const file = openSync(this.path, "r");
    try {
      const buffer = Buffer.alloc(65_536);
      for (let read = readSync(file, buffer, 0, buffer.length, this.position); read > 0; ) {
        this.position += read;
        this.rest += buffer.toString("utf8", 0, read);
        read = readSync(file, buffer, 0, buffer.length, this.position);
      }
    } finally {
      closeSync(file);
    }
    const lines = this.rest.split("\n");
    this.rest = lines.pop() ?? "";
    return lines;
  }
}

void main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(killedProvider ? 9 : 1);
});
