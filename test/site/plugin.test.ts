import * as pulumi from "@pulumi/pulumi";
import { InvokeResponse } from "@pulumi/pulumi/proto/provider_pb";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";
import { setMockOptions } from "@pulumi/pulumi/runtime/settings";
import { startPlugin } from "../../components/plugin";
import { version } from "../../package.json";

/** Mocks that answer nothing, and note what they are asked; `engine` has them pass for an engine. */
function listen(engine: boolean): unknown[] {
  const asked: unknown[] = [];
  const monitor = new MockMonitor({ newResource: () => ({ id: "", state: {} }), call: () => ({}) });
  const invoke = (
    request: { getTok(): string; getVersion(): string; getArgs(): { toJavaScript(): object } },
    answer: (error: Error | null, response: InvokeResponse) => void,
  ) => {
    asked.push([request.getTok(), request.getVersion(), request.getArgs().toJavaScript()]);
    answer(null, new InvokeResponse());
  };
  setMockOptions(Object.assign(monitor, { invoke }, engine ? { registerResourceHook: () => {} } : {}), "test", "test");
  return asked;
}

test("a run asks the plugin once for its version, and has done so when the program goes on", async () => {
  for (let run = 0; run < 2; run++) {
    const asked = listen(true);
    await startPlugin();
    expect(asked).toEqual([["plinth:index:checkVersion", version, { library: version }]]);
    await startPlugin();
    expect(asked).toHaveLength(1);
  }
});

test("a program's own tests with mocks are not asked", async () => {
  const asked = listen(false);
  await startPlugin();
  await pulumi.runtime.invoke("test:index:other", {});
  expect(asked).toEqual([["test:index:other", "", {}]]);
});
