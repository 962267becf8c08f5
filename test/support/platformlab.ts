import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Instance } from "../../lab/instance/instance";
import { readIngredients } from "../../lab/status/ingredients";
import { lab, mustLab } from "./lab";

interface Release {
  readonly name: string;
  readonly revision: string;
  readonly status: string;
}

/** A lab with a platform in it, as somebody sees it who has its access files. */
export class PlatformLab {
  constructor(readonly name: string) {}

  /** Every release as Helm itself sees it. */
  readonly releases = async (): Promise<Record<string, { revision: string; status: string }>> => {
    const list: Release[] = JSON.parse(
      await mustLab(this.name, "helm", "list", "--all-namespaces", "--all", "-o", "json"),
    );
    return Object.fromEntries(list.map(({ name, revision, status }) => [name, { revision, status }]));
  };

  /** The lab's own way to kubectl. */
  readonly kubectl = (...args: string[]): Promise<string> => mustLab(this.name, "kubectl", ...args);

  /** What `kubectl get` shows. */
  readonly get = async (...args: string[]) => JSON.parse(await this.#direct(["get", ...args, "-o", "json"]));

  readonly create = async (object: object): Promise<void> => {
    await this.#direct(["create", "-f", "-"], object);
  };

  /** A text of a Secret. */
  readonly text = async (name: string, namespace: string, key: string): Promise<string> =>
    Buffer.from((await this.get("secret", name, "-n", namespace)).data[key], "base64").toString();

  /** The address that a Service got. */
  readonly address = async (name: string, namespace: string): Promise<string> =>
    (await this.get("service", name, "-n", namespace)).status.loadBalancer.ingress[0].ip;

  /** Everything that an update touches, as `Release x`. */
  readonly updated = async (): Promise<readonly string[]> => {
    const { code, stderr } = await lab(this.name, ["up"]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const lines = stderr.matchAll(/^ {2}(?:updated|created|replaced|deleted) (\S+) (\S+)/gm);
    return [...lines].map(([, type, name]) => `${type} ${name}`);
  };

  /** What the API server says to an object that is not to be admitted. */
  readonly refusal = async (object: object): Promise<string> => {
    try {
      await this.#direct(["create", "--dry-run=server", "-f", "-"], object);
      return "";
    } catch (error) {
      return (error as { stderr: string }).stderr;
    }
  };

  /** Starts kubectl itself: a test that looks again and again does not start the lab each time. */
  async #direct(args: readonly string[], input?: object): Promise<string> {
    const instance = new Instance(this.name);
    const kubectl = readIngredients(instance)?.tools.kubectl?.path ?? "";
    const run = promisify(execFile)(kubectl, ["--kubeconfig", instance.kubeconfig, ...args], { maxBuffer: 32 << 20 });
    run.child.stdin?.end(input === undefined ? "" : JSON.stringify(input));
    return (await run).stdout;
  }
}

/** Waits until something is seen: controllers come when they come. */
export async function eventually<T>(look: () => Promise<T>, seen: (found: T) => boolean): Promise<T> {
  for (const end = Date.now() + 90_000; ; await new Promise((resolve) => setTimeout(resolve, 1000))) {
    const { found, error } = await look().then(
      (found) => ({ found, error: undefined }),
      // An error of Node's own is no Error of the test's realm: what failed is told by where it is.
      (error: unknown) => ({ found: undefined, error: error ?? "failed" }),
    );
    if (error === undefined && seen(found as T)) return found as T;
    if (Date.now() > end) throw error ?? new Error(`still ${JSON.stringify(found)}`);
  }
}
