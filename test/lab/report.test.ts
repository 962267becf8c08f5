import type { EngineEvent } from "@pulumi/pulumi/automation";
import { Report } from "../../lab/engine/report";
import { Ticker } from "../../lab/ticker";

const said: string[] = [];
const ticker = new Ticker({
  isTTY: false,
  write: (text: string) => said.push(text.trimEnd()),
} as unknown as NodeJS.WriteStream);

beforeEach(() => said.splice(0));
afterAll(() => ticker.close());

const urn = "urn:pulumi:lab::plinth::plinth:site:Site$plinth:talos:Bootstrap::site-bootstrap";

function step(kind: "resourcePreEvent" | "resOutputsEvent" | "resOpFailedEvent", op: string, more = {}): EngineEvent {
  return { [kind]: { metadata: { op, urn, type: "plinth:talos:Bootstrap", ...more } } } as unknown as EngineEvent;
}

function diagnostic(severity: string, message: string, more = {}): EngineEvent {
  return { diagnosticEvent: { severity, message, color: "never", ...more } } as unknown as EngineEvent;
}

describe("the report of an engine run", () => {
  it("tells what is being done, and what was", () => {
    const report = new Report(ticker, false);
    expect(report.describe()).toBe("working through the site");
    report.onEvent(step("resourcePreEvent", "create"));
    report.onEvent(diagnostic("info", "<{%reset%}>waiting for etcd<{%reset%}>", { urn, ephemeral: true }));
    expect(report.describe()).toBe("creating Bootstrap site-bootstrap for 0 s: waiting for etcd");
    report.onEvent(step("resOutputsEvent", "create"));
    expect(said).toEqual(["  created Bootstrap site-bootstrap (0 s)"]);
    expect(report.changes).toEqual([{ op: "create", urn, paths: [] }]);
  });

  it("names the paths of a change, and counts neither what stays nor what failed", () => {
    const report = new Report(ticker, false);
    report.onEvent(step("resourcePreEvent", "same"));
    report.onEvent(step("resOutputsEvent", "same"));
    report.onEvent(step("resourcePreEvent", "update", { detailedDiff: { 'nodes["cp-1"].patches': {} } }));
    report.onEvent(step("resOpFailedEvent", "update", { detailedDiff: { 'nodes["cp-1"].patches': {} } }));
    expect(said).toEqual(['  failed: update Bootstrap site-bootstrap (0 s): nodes["cp-1"].patches']);
    expect(report.changes).toEqual([]);
  });

  it("keeps errors once, and never shows the engine's debug log", () => {
    const report = new Report(ticker, true);
    report.onEvent(diagnostic("error", "it broke"));
    report.onEvent(diagnostic("error", "it broke"));
    report.onEvent(diagnostic("debug", "machineSecrets: …"));
    report.onEvent(diagnostic("warning", "look out", { urn }));
    expect(report.errors).toEqual(["it broke"]);
    expect(said).toEqual(["  Bootstrap site-bootstrap: look out"]);
  });
});
