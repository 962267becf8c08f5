/** Runs the official helm: bounded in time and output, no child left behind. */
import { type ChildProcess, type ExecFileException, execFile } from "node:child_process";
import { ChartError } from "../kubernetes/ports";

const OUTPUT_BYTES = 64 << 20;
const running = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The helm to use: `PLINTH_HELM`, else the one on PATH. */
export function helmBinary(env: NodeJS.ProcessEnv = process.env): string {
  return env.PLINTH_HELM ?? "helm";
}

/** Standard output of a call that succeeds. @throws ChartError with helm's own last words */
export function helm(args: readonly string[], seconds: number, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = execFile(
      helmBinary(),
      args,
      {
        // The user's registry logins and proxies count, the cluster of the user's kubectl never does.
        env: { ...process.env, KUBECONFIG: "/dev/null" },
        encoding: "utf8",
        maxBuffer: OUTPUT_BYTES,
        timeout: seconds * 1000,
        killSignal: "SIGKILL",
        signal,
      },
      (error, stdout, stderr) => {
        running.delete(child);
        if (error === null) resolve(stdout);
        else if (signal.aborted) reject(signal.reason);
        else reject(new ChartError(reason(error, stderr, args[0] ?? "", seconds)));
      },
    );
    running.add(child);
  });
}

function reason(error: ExecFileException, stderr: string, verb: string, seconds: number) {
  if (error.code === "ENOENT") {
    return `there is no ${helmBinary()} (install Helm 3.17 or newer and put it on PATH, or name it in PLINTH_HELM)`;
  }
  if (error.killed === true) return `helm ${verb} did not end within ${seconds} s`;
  // Its own words, without the debug hint and the usage that may follow them.
  const said = /^Error: (.+)$/m.exec(stderr)?.[1] ?? stderr.trim().split("\n").at(-1) ?? "";
  return said === "" ? `helm ${verb} failed` : said;
}
