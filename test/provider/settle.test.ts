/** What is done beside Helm so that a release at which a run was killed is taken up again. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { type ReleaseTurn, releaseDescription } from "../../components/functions";
import { functions } from "../../provider/function";
import { invoke } from "../../provider/host/calls";
import { recordText } from "../../provider/kubernetes/records";
import { settleRelease } from "../../provider/kubernetes/release";
import { runsBeside } from "../../provider/process";
import { listen } from "./context";
import { FAULTS } from "./faults";
import { FakePlatform, KUBECONFIG } from "./platform";

const OWNER = "home/prod";
const turn = (moment: ReleaseTurn["moment"], more: Partial<ReleaseTurn> = {}): ReleaseTurn => ({
  kubeconfig: KUBECONFIG,
  moment,
  namespace: "cert-manager",
  name: "cert-manager",
  owner: OWNER,
  seconds: 300,
  urn: "urn:pulumi:prod::home::kubernetes:helm.sh/v3:Release::home-cert-manager",
  ...more,
});

/** Helm as far as its records go: what it refuses, and what it writes when it begins, ends or dies. */
class FakeHelm {
  constructor(private readonly platform: FakePlatform) {}

  get records(): string[] {
    return this.revisions().map(({ metadata }) => `${metadata.labels.version} ${metadata.labels.status}`);
  }

  install(end: "deployed" | "killed" = "deployed", description = releaseDescription(OWNER)): void {
    if (this.records.length > 0) throw new Error("cannot re-use a name that is still in use");
    this.write(1, "pending-install", "Initial install underway");
    if (end === "deployed") this.write(1, "deployed", description);
  }

  upgrade(end: "deployed" | "killed" = "deployed"): void {
    const newest = this.revisions().at(-1);
    if (newest === undefined) throw new Error("has no deployed releases");
    if (/^pending/.test(newest.metadata.labels.status ?? "")) throw new Error("another operation is in progress");
    const revision = Number(newest.metadata.labels.version);
    this.write(revision + 1, "pending-upgrade", "Preparing upgrade");
    if (end === "killed") return;
    this.write(revision, "superseded", releaseDescription(OWNER));
    this.write(revision + 1, "deployed", releaseDescription(OWNER));
  }

  /** `begun` is long ago unless somebody still is at it. */
  write(revision: number, status: string, description: string, begun = "2026-01-01T00:00:00Z"): void {
    const record = {
      name: "cert-manager",
      info: { status, description },
      chart: { metadata: { name: "cert-manager", version: "v1.21.2" } },
    };
    const release = Buffer.from(gzipSync(JSON.stringify(record)).toString("base64")).toString("base64");
    const name = `sh.helm.release.v1.cert-manager.v${revision}`;
    const labels = { owner: "helm", name: "cert-manager", version: String(revision), status };
    const metadata = { name, namespace: "cert-manager", labels, creationTimestamp: begun };
    this.platform.put({ apiVersion: "v1", kind: "Secret", metadata, data: { release } });
  }

  private revisions() {
    return [...this.platform.live.values()]
      .filter(({ kind }) => kind === "Secret")
      .sort((a, b) => Number(a.metadata.labels.version) - Number(b.metadata.labels.version));
  }
}

function start(helmRuns: () => boolean | undefined = () => false) {
  const platform = new FakePlatform();
  const helm = new FakeHelm(platform);
  const heard = listen([KUBECONFIG]);
  const settle = (moment: ReleaseTurn["moment"], more?: Partial<ReleaseTurn>) =>
    settleRelease({ ...platform.drivers, helmRuns }).call(turn(moment, more), heard.context);
  const notes = () => [...platform.live.values()].filter(({ kind }) => kind === "ConfigMap");
  return { platform, helm, heard, settle, notes };
}

describe("a release that nobody was killed at", () => {
  test("is installed and upgraded by Helm alone; nothing stays behind", async () => {
    const { helm, settle, notes, heard } = start();
    await settle("install");
    expect(notes()).toHaveLength(1);
    helm.install();
    await settle("installed");
    await settle("upgrade");
    helm.upgrade();
    await settle("upgraded");
    expect(helm.records).toEqual(["1 superseded", "2 deployed"]);
    expect(notes()).toEqual([]);
    expect(heard.lines).toEqual([]);
  });
});

describe("an archive whose digest is known", () => {
  const archive = { chart: "oci://r.example.org/cert-manager", version: "v1.21.2", digest: `sha256:${"0".repeat(64)}` };

  test("is looked at before every install and upgrade, and another one leaves everything as it is", async () => {
    const { platform, helm, settle, notes } = start();
    platform.shelf.set("cert-manager", "");
    await expect(settle("install", { archive })).rejects.toThrow(/archive of cert-manager is sha256/);
    expect(notes()).toEqual([]);
    helm.install();
    const before = platform.snapshot();
    await expect(settle("upgrade", { archive })).rejects.toThrow(/archive of cert-manager is sha256/);
    expect(platform.snapshot()).toEqual(before);
    // Afterwards there is nothing left to refuse.
    await settle("upgraded", { archive });
  });

  test("lets Helm begin where it is the pinned one", async () => {
    const { platform, settle, notes } = start();
    platform.shelf.set("cert-manager", "");
    const digest = `sha256:${createHash("sha256").update("cert-manager v1.21.2").digest("hex")}`;
    await settle("install", { archive: { ...archive, digest } });
    expect(notes()).toHaveLength(1);
  });
});

describe("a run that was killed", () => {
  test("while Helm installed: its record is taken away, and Helm begins anew", async () => {
    const { helm, settle, heard } = start();
    await settle("install");
    helm.install("killed");
    expect(() => helm.install()).toThrow("still in use");
    await settle("install");
    helm.install();
    await settle("installed");
    expect(helm.records).toEqual(["1 deployed"]);
    expect(heard.lines).toEqual([expect.stringMatching(/^it is there already \(pending-install\), from a run that/)]);
  });

  test("when Helm had installed and the state did not know it yet, with the note gone or not", async () => {
    for (const after of [true, false]) {
      const { helm, settle } = start();
      await settle("install");
      helm.install();
      if (after) await settle("installed");
      await settle("install");
      helm.install();
      expect(helm.records).toEqual(["1 deployed"]);
    }
  });

  test("while Helm upgraded: it goes on from what it finished last", async () => {
    const { helm, settle, heard } = start();
    helm.install();
    helm.upgrade();
    await settle("upgrade");
    helm.upgrade("killed");
    expect(() => helm.upgrade()).toThrow("in progress");
    await settle("upgrade");
    expect(helm.records).toEqual(["1 superseded", "2 deployed"]);
    helm.upgrade();
    expect(helm.records).toEqual(["1 superseded", "2 superseded", "3 deployed"]);
    expect(heard.lines[0]).toMatch(/^revision 3 was left pending-upgrade by a run that was killed/);
  });

  test("while Helm went back from an upgrade that had failed", async () => {
    const { helm, settle } = start();
    helm.install();
    helm.write(2, "failed", "Upgrade failed");
    helm.write(3, "pending-rollback", "Rollback to 1");
    await settle("upgrade");
    expect(helm.records).toEqual(["1 deployed", "2 failed"]);
  });

  test("at any call of the settlement itself, or with any of them gone wrong, is taken up again", async () => {
    const begin = async (world: ReturnType<typeof start>) => {
      await world.settle("install");
      world.helm.install("killed");
      world.platform.recorder.calls.length = 0;
    };
    const counted = start();
    await begin(counted);
    await counted.settle("install");
    const calls = counted.platform.recorder.calls.length;
    expect(calls).toBeGreaterThan(4);
    for (const kind of FAULTS) {
      for (let at = 0; at < calls; at++) {
        const world = start();
        await begin(world);
        world.platform.recorder.onAbort = () => world.heard.abort();
        world.platform.recorder.fault = { at, kind };
        await world.settle("install").catch(() => undefined);
        world.platform.recorder.fault = undefined;
        const again = listen();
        const settle = (moment: ReleaseTurn["moment"]) =>
          settleRelease({ ...world.platform.drivers, helmRuns: () => false }).call(turn(moment), again.context);
        await settle("install");
        world.helm.install();
        await settle("installed");
        expect([kind, at, world.helm.records, world.notes()]).toEqual([kind, at, ["1 deployed"], []]);
      }
    }
  });
});

describe("a Helm that may still be at work", () => {
  test("on this host is waited for until it ends", async () => {
    let looks = 0;
    const world = start(() => true);
    await world.settle("install");
    world.helm.write(1, "pending-install", "Initial install underway", new Date().toISOString());
    const poll = setInterval(() => {
      if (++looks === 3) world.helm.write(1, "deployed", releaseDescription(OWNER));
    }, 5);
    await world.settle("install");
    clearInterval(poll);
    expect(world.heard.lines[0]).toMatch(/release cert-manager: Helm may still be at work at revision 1/);
    world.helm.install();
    expect(world.helm.records).toEqual(["1 deployed"]);
  });

  test("elsewhere has as long as Helm can take, and no longer", async () => {
    const begun = (secondsAgo: number) => new Date(Date.now() - secondsAgo * 1000).toISOString();
    const world = start(() => undefined);
    world.helm.install();
    world.helm.write(2, "pending-upgrade", "Preparing upgrade", begun(59));
    const waiting = Date.now();
    await world.settle("upgrade", { seconds: 1 });
    expect(Date.now() - waiting).toBeGreaterThan(500);
    expect(world.helm.records).toEqual(["1 deployed"]);
  });

  test("is not waited for beyond a cancel", async () => {
    const world = start(() => true);
    world.helm.install();
    world.helm.write(2, "pending-upgrade", "Preparing upgrade", new Date().toISOString());
    setTimeout(() => world.heard.abort(), 20);
    await expect(world.settle("upgrade")).rejects.toThrow("the update was cancelled");
    expect(world.helm.records).toEqual(["1 deployed", "2 pending-upgrade"]);
  });
});

describe("somebody else's release of that name", () => {
  test.each([
    ["made by hand", (helm: FakeHelm) => helm.install("deployed", "Install complete"), /1, deployed, cert-manager-v1/],
    [
      "of another stack",
      (helm: FakeHelm) => helm.install("deployed", releaseDescription("home/test")),
      /"by plinth, stack home\/test"/,
    ],
    ["that is being installed", (helm: FakeHelm) => helm.install("killed"), /revision 1, pending-install/],
    ["that has failed", (helm: FakeHelm) => helm.write(1, "failed", "timed out"), /revision 1, failed/],
  ])("%s is refused with the way out, and untouched", async (_, make, message) => {
    const { helm, settle, notes } = start();
    make(helm);
    const before = helm.records;
    const refusal: Error = await settle("install").then(
      () => new Error("it was not refused"),
      (error) => error,
    );
    expect(refusal.message).toMatch(message);
    expect(refusal.message).toMatch(/cert-manager\/cert-manager: is not of the stack home\/prod/);
    expect(refusal.message).toMatch(/helm uninstall cert-manager --namespace cert-manager/);
    expect(helm.records).toEqual(before);
    expect(notes()).toEqual([]);
  });

  test("is not taken for ours because another stack of plinth works at it", async () => {
    const { helm, settle } = start();
    await settle("install", { owner: "home/test" });
    helm.install("killed");
    await expect(settle("install")).rejects.toThrow(/is not of the stack home\/prod/);
    await settle("installed");
    await settle("install", { owner: "home/test" });
    expect(helm.records).toEqual([]);
  });
});

test("a Secret that Helm did not write has no text", () => {
  const metadata = { name: "x" };
  const data = { release: Buffer.from("bm9uc2Vuc2U=").toString("base64") };
  expect(recordText({ apiVersion: "v1", kind: "Secret", metadata, data })).toBeUndefined();
  expect(recordText({ apiVersion: "v1", kind: "Secret", metadata })).toBeUndefined();
});

test("a plugin that has outlived its engine is seen, one of our own engine is not", async () => {
  const name = "pulumi-resource-beside";
  // The name of a program is the first word that it is started with.
  const start = (shell: string) => spawn("bash", ["-c", shell], { stdio: ["pipe", "ignore", "inherit"] });
  const own = start(`exec -a /somewhere/${name} sleep 60`);
  try {
    await until(() => runsBeside(name) === true);
    expect(runsBeside(name, process.pid)).toBe(false);
    expect(runsBeside("pulumi-resource-none")).toBe(false);
  } finally {
    own.kill("SIGKILL");
  }
  await until(() => runsBeside(name) === false);
});

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); ) {
    if (Date.now() > end) throw new Error("it did not become true");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("the host", () => {
  const request = (args: object) => {
    const message = new pb.InvokeRequest();
    message.setArgs(Struct.fromJavaScript(args as Record<string, never>));
    return message;
  };

  test("serves the function, and redacts a kubeconfig that arrives unmarked", async () => {
    expect([...functions.keys()]).toContain("plinth:kubernetes:settleRelease");
    const { platform } = start();
    const asked = settleRelease({ ...platform.drivers, helmRuns: () => false });
    const heard: { urn: string; seconds: number; secrets: readonly string[] }[] = [];
    const answer = await invoke(asked, request(turn("install")), (urn, seconds, secrets) => {
      heard.push({ urn, seconds, secrets });
      return listen().context;
    });
    expect(answer.getReturn()?.toJavaScript()).toEqual({});
    expect(heard).toEqual([{ urn: turn("install").urn, seconds: 480, secrets: [KUBECONFIG] }]);
    await expect(
      invoke(asked, request({ ...turn("install"), moment: "later" }), () => listen().context),
    ).rejects.toThrow(/settleRelease: inputs[\s\S]*moment/);
  });
});
