import * as pulumi from "@pulumi/pulumi";
// Not in the public barrel of @pulumi/pulumi 3.245: its mock monitor is wrapped here, and only here, to see what mocks
// do not tell (parents, dependencies, protection, aliases).
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";
import { setMockOptions } from "@pulumi/pulumi/runtime/settings";

/** One registered resource, as the engine would have seen it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  /** Name of the parent, empty for the stack. */
  readonly parent: string;
  readonly custom: boolean;
  readonly inputs: Record<string, unknown>;
  /** Names of the resources it waits for. */
  readonly dependsOn: readonly string[];
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly replaceOnChanges: readonly string[];
  readonly deleteBeforeReplace: boolean;
  readonly deletedWith: string;
  readonly ignoreChanges: readonly string[];
  readonly secretOutputs: readonly string[];
  readonly provider: string;
}

/** What the mocked engine answers: outputs of a resource, result of a function. */
export interface Answers {
  readonly resource?: (type: string, name: string, inputs: Record<string, unknown>) => Record<string, unknown>;
  readonly call?: (token: string, inputs: Record<string, unknown>) => Record<string, unknown>;
}

interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getCustom(): boolean;
  getDependenciesList(): string[];
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getReplaceonchangesList(): string[];
  getDeletebeforereplace(): boolean;
  getDeletedwith(): string;
  getIgnorechangesList(): string[];
  getAdditionalsecretoutputsList(): string[];
  getProvider(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
}

const nameOf = (urn: string) => urn.slice(urn.lastIndexOf("::") + 2);

/**
 * Runs a program against a recording engine and returns every resource it registers, in order. Call it once a test
 * file at a time: Pulumi's settings are global to the process.
 */
export async function recordGraph<T>(
  program: () => T,
  answers: Answers = {},
  preview = false,
): Promise<{ resources: Registered[]; result: T }> {
  const resources: Registered[] = [];
  const monitor = new MockMonitor({
    newResource: ({ type, name, inputs }) => ({
      id: preview ? undefined : `${name}-id`,
      state: { ...inputs, ...answers.resource?.(type, name, inputs) },
    }),
    call: ({ token, inputs }) => answers.call?.(token, inputs) ?? {},
  });
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request: RegisterRequest, callback) => {
    if (request.getType() !== "pulumi:pulumi:Stack") {
      resources.push({
        type: request.getType(),
        name: request.getName(),
        parent: /pulumi:pulumi:Stack::[^:]*$/.test(request.getParent()) ? "" : nameOf(request.getParent()),
        custom: request.getCustom(),
        inputs: request.getObject().toJavaScript(),
        dependsOn: request.getDependenciesList().map(nameOf).sort(),
        protect: request.getProtect(),
        retainOnDelete: request.getRetainondelete(),
        replaceOnChanges: request.getReplaceonchangesList(),
        deleteBeforeReplace: request.getDeletebeforereplace(),
        deletedWith: nameOf(request.getDeletedwith()),
        ignoreChanges: request.getIgnorechangesList(),
        secretOutputs: request.getAdditionalsecretoutputsList().sort(),
        provider: request.getProvider(),
      });
    }
    return register(request, callback);
  };
  setMockOptions(monitor, "plinth", "test", preview);
  const result = await runToEnd(program);
  return { resources, result };
}

/** Waits until nothing is registered any more: `runInPulumiStack` awaits every outstanding RPC. */
async function runToEnd<T>(program: () => T): Promise<T> {
  let outcome: { result: T } | { error: unknown } | undefined;
  await pulumi.runtime.runInPulumiStack(async () => {
    // An error that left this function would reach Pulumi's own process-wide handlers as well.
    try {
      outcome = { result: program() };
    } catch (error) {
      outcome = { error };
    }
    return {};
  });
  await pulumi.runtime.disconnect();
  if (outcome === undefined) throw new Error("the program did not run");
  if ("error" in outcome) throw outcome.error;
  return outcome.result;
}
