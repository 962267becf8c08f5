import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { signPermission } from "../../components/boot/permission";
import { bootServer } from "../../provider/boot/client";
import { permission } from "../boot/support";
import { ROOT } from "../support/site";
import { fetchText, pair, TOKEN } from "./support";

/** `plinth boot serve` in a process of its own, to be killed. */
export class ServerProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    readonly operatorsUrl: string,
  ) {}

  static async start(state: string, ...flags: readonly string[]): Promise<ServerProcess> {
    const trust = path.join(state, "trust.pem");
    writeFileSync(trust, pair.publicKey);
    const places = ["--machines", "127.0.0.1:0", "--operators", "127.0.0.1:0"];
    const files = ["--state", state, "--log", path.join(state, "log"), "--trust", trust];
    const args = [path.join(ROOT, "dist/cli/main.js"), "boot", "serve", ...places, ...files, ...flags];
    const env = { ...process.env, PLINTH_BOOT_TOKEN: TOKEN };
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr?.setEncoding("utf8");
    return new Promise((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
      child.stderr?.on("data", (text: string) => {
        said += text;
        const [, url, operators] = /machines ask at (\S+)\/boot\.ipxe, operators at (\S+)/.exec(said) ?? [];
        if (url && operators) resolve(new ServerProcess(child, url, operators));
      });
    });
  }

  get client() {
    return bootServer({ url: this.operatorsUrl, token: TOKEN });
  }

  async grant(over: Parameters<typeof permission>[0]) {
    const { session } = await this.client.about(AbortSignal.timeout(5000));
    return this.client.grant(await signPermission(permission(over), session, pair.privateKey), undefined);
  }

  async boot(mac: string): Promise<string> {
    const query = `mac=${mac.replaceAll(":", "-")}&uuid=${permission().uuid}&arch=x86_64`;
    return (await fetchText(`${this.url}/ipxe?${query}`)).body;
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    this.child.kill(signal);
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "exit");
    return this.child.exitCode;
  }
}
