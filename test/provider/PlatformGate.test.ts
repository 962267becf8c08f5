import type { GateInputs } from "../../components/kubernetes/Gate";
import type { Draft } from "../../provider/draft";
import { gate } from "../../provider/kubernetes/Gate";
import { KubernetesError } from "../../provider/kubernetes/ports";
import { conformance } from "./conformance";
import { listen } from "./context";
import { FakePlatform, KUBECONFIG } from "./platform";

const issuer = { apiVersion: "cert-manager.io/v1", kind: "ClusterIssuer", name: "letsencrypt" };
const service = { apiVersion: "v1", kind: "Service", namespace: "ingress", name: "gateway" };

const inputs: GateInputs = {
  kubeconfig: KUBECONFIG,
  checks: {
    "the issuer is ready": { ...issuer, condition: "Ready" },
    "the gateway has an address": { ...service, field: "status.loadBalancer.ingress" },
    "the webhook of cert-manager answers": {
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      namespace: "default",
      name: "probe",
      admits: { spec: { secretName: "probe" } },
    },
  },
  seconds: 1,
};

function platform(): FakePlatform {
  const fake = new FakePlatform();
  const { name, ...kind } = issuer;
  fake.put({ ...kind, metadata: { name } });
  fake.put({ apiVersion: "v1", kind: "Service", metadata: { name: "gateway", namespace: "ingress" } });
  fake.status.set("ClusterIssuer/letsencrypt", { conditions: [{ type: "Ready", status: "True" }] });
  fake.status.set("Service/gateway", { loadBalancer: { ingress: [{ ip: "10.0.3.2" }] } });
  return fake;
}

conformance("Gate", {
  make() {
    const fake = platform();
    return { resource: gate(fake.drivers), recorder: fake.recorder, snapshot: () => fake.snapshot() };
  },
  inputs: { ...inputs, trigger: "1" },
  changed: { ...inputs, trigger: "2" },
  bad: {
    inputs: {
      ...inputs,
      checks: {
        both: { ...issuer, condition: "Ready", exists: true },
        neither: issuer,
        unnamed: { kind: "Pod", exists: true },
      },
      seconds: 0,
    },
    paths: ["checks.both", "checks.neither", "checks.unnamed.apiVersion", "checks.unnamed.name", "seconds"],
  },
  secrets: [KUBECONFIG],
  privileged: [],
});

describe("Gate", () => {
  const open = (fake: FakePlatform, checks = inputs.checks, heard = listen()) =>
    gate(fake.drivers).create({ ...inputs, checks }, heard.context);

  test("opens when everything is seen, and has changed nothing", async () => {
    const fake = platform();
    expect(await open(fake)).toEqual({ id: "gate", outputs: { missing: [] } });
    expect(fake.recorder.changes).toEqual([]);
  });

  test("a field may have to hold one value and no other", async () => {
    const fake = platform();
    const backup = { apiVersion: "longhorn.io/v1beta2", kind: "SystemBackup", namespace: "longhorn-system", name: "b" };
    fake.put({ ...backup, metadata: { name: "b", namespace: "longhorn-system" } });
    fake.status.set("SystemBackup/b", { state: "Generating" });
    const checks = { "the backup is taken": { ...backup, field: "status.state", equals: "Ready" } };
    expect((await open(fake, checks)).failures).toEqual([
      "after 1 s there is still missing: the backup is taken (status.state of SystemBackup b is Generating, not Ready)",
    ]);
    fake.status.set("SystemBackup/b", { state: "Ready" });
    expect((await open(fake, checks)).failures).toBeUndefined();

    const counted = { "two are there": { ...backup, field: "status.copies", equals: "2" } };
    fake.status.set("SystemBackup/b", { copies: 1 });
    expect((await open(fake, counted)).failures?.[0]).toMatch(/status\.copies of SystemBackup b is 1, not 2/);
    fake.status.set("SystemBackup/b", { copies: 2 });
    expect((await open(fake, counted)).failures).toBeUndefined();
  });

  test("what comes with something else is asked for only where that is there", async () => {
    const fake = platform();
    const onlyWith = {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      namespace: "longhorn-system",
      name: "longhorn-manager",
    };
    const checks = { "the backup is there": { ...service, name: "missing", exists: true as const, onlyWith } };
    expect((await open(fake, checks)).failures).toBeUndefined();
    fake.put({ ...onlyWith, metadata: { name: onlyWith.name, namespace: onlyWith.namespace } });
    expect((await open(fake, checks)).failures).toEqual([
      "after 1 s there is still missing: the backup is there (there is no Service missing)",
    ]);
  });

  test("a guard of an upgrade asks for nothing where what is wanted runs already, at any look", async () => {
    const fake = platform();
    const resource = gate(fake.drivers);
    const manager = { apiVersion: "apps/v1", kind: "DaemonSet", namespace: "longhorn-system", name: "manager" };
    const running = (version: string) =>
      fake.put({
        ...manager,
        metadata: { name: "manager", namespace: "longhorn-system", labels: { "helm.sh/chart": `longhorn-${version}` } },
      });
    const guard = (version: string): GateInputs => ({
      kubeconfig: KUBECONFIG,
      seconds: 1,
      checks: {
        "the backup is taken": {
          ...{ apiVersion: "longhorn.io/v1beta2", kind: "SystemBackup", namespace: "longhorn-system" },
          name: `before-${version}`,
          exists: true,
          onlyWith: { ...manager, unlessLabels: { "helm.sh/chart": `longhorn-${version}` } },
        },
      },
    });
    const wanted = guard("1.0.0");
    const { outputs } = await resource.create(wanted, listen().context);
    expect(outputs.missing).toEqual([]);

    running("1.0.0");
    const seen = await resource.read("gate", { inputs: wanted, outputs }, listen().context);
    if (seen === undefined) throw new Error("a gate is never gone");
    expect(await resource.diff(seen, wanted as Draft<GateInputs>, listen().context)).toEqual([]);
    const renewed = { ...wanted, kubeconfig: `${KUBECONFIG} renewed` };
    expect((await resource.update("gate", seen, renewed, listen().context)).failures).toBeUndefined();

    const next = guard("1.1.0");
    const upgraded = await resource.update("gate", { inputs: wanted, outputs }, next, listen().context);
    expect(upgraded.failures).toEqual([
      "after 1 s there is still missing: the backup is taken (there is no SystemBackup before-1.1.0)",
    ]);
    running("1.1.0");
    expect((await resource.read("gate", { inputs: next, outputs }, listen().context))?.outputs.missing).toEqual([]);
  });

  test("a Job that has failed ends the wait with its reason and the way on, and does not break a refresh", async () => {
    const fake = platform();
    const job = { apiVersion: "batch/v1", kind: "Job", namespace: "vault", name: "snapshot" };
    fake.put({ ...job, metadata: { name: "snapshot", namespace: "vault" } });
    const checks = { "the snapshot is taken": { ...job, condition: "Complete" } };
    const message = "Job has reached the specified backoff limit";
    fake.status.set("Job/snapshot", { conditions: [{ type: "Failed", status: "True", message }] });
    const resource = gate(fake.drivers);
    const began = Date.now();
    const heard = listen().context;
    const { failures, outputs } = await resource.create({ kubeconfig: KUBECONFIG, checks, seconds: 60 }, heard);
    expect(Date.now() - began).toBeLessThan(30_000);
    expect(failures).toEqual([
      "it is no use to wait: the snapshot is taken (Job snapshot has failed: Job has reached the specified backoff limit; see kubectl logs -n vault job/snapshot, and when the cause is mended: kubectl delete job -n vault snapshot, then pulumi up --refresh)",
    ]);
    const prior = { inputs: { kubeconfig: KUBECONFIG, checks }, outputs };
    expect((await resource.read("gate", prior, heard))?.outputs.missing).toEqual(outputs.missing);
    fake.status.set("Job/snapshot", {
      conditions: [
        { type: "Failed", status: "False" },
        { type: "Complete", status: "True" },
      ],
    });
    expect((await open(fake, checks)).failures).toBeUndefined();
  });

  test("a number that may not become less is refused at once", async () => {
    const fake = platform();
    const vault = { apiVersion: "apps/v1", kind: "StatefulSet", namespace: "vault", name: "vault" };
    const object = (replicas: number) => ({
      ...vault,
      metadata: { name: "vault", namespace: "vault" },
      spec: { replicas },
    });
    const checks = (atMost: number) => ({
      "no member is taken away": { ...vault, field: "spec.replicas", atMost, onlyWith: vault },
    });
    expect((await open(fake, checks(1))).failures).toBeUndefined();
    fake.put(object(3));
    expect((await open(fake, checks(1))).failures).toEqual([
      "it is no use to wait: no member is taken away (spec.replicas of StatefulSet vault is 3, and may not become 1)",
    ]);
    expect((await open(fake, checks(3))).failures).toBeUndefined();
    expect((await open(fake, checks(5))).failures).toBeUndefined();
  });

  test("a status of an earlier generation is not believed, and one of a list goes by its name", async () => {
    const fake = platform();
    const set = { apiVersion: "apps/v1", kind: "StatefulSet", namespace: "vault", name: "vault" };
    const object = (image: string) => ({
      ...set,
      metadata: { name: "vault", namespace: "vault" },
      spec: { containers: [{ name: "beside" }, { name: "vault", image }] },
    });
    for (const image of ["vault:1", "vault:2"]) fake.put(object(image));
    fake.status.set("StatefulSet/vault", { readyReplicas: 3, observedGeneration: 1 });
    const checks = {
      "its image is the new one": { ...set, field: "spec.containers.vault.image", equals: "vault:2" },
      "all are ready": { ...set, field: "status.readyReplicas", equals: "3" },
    };
    expect((await open(fake, checks)).outputs.missing).toEqual([
      "all are ready (StatefulSet vault was last looked at as generation 1, and it is at 2)",
    ]);
    fake.status.set("StatefulSet/vault", { readyReplicas: 3, observedGeneration: 2 });
    expect((await open(fake, checks)).failures).toBeUndefined();
  });

  test("opens as soon as the last thing appears", async () => {
    const fake = platform();
    fake.status.delete("ClusterIssuer/letsencrypt");
    setTimeout(
      () => fake.status.set("ClusterIssuer/letsencrypt", { conditions: [{ type: "Ready", status: "True" }] }),
      30,
    );
    expect((await open(fake)).failures).toBeUndefined();
  });

  test.each([
    ["in the condition", { conditions: [{ type: "Ready", status: "True", observedGeneration: 2 }] }],
    ["for all conditions", { observedGeneration: 2, conditions: [{ type: "Ready", status: "True" }] }],
  ])("what a controller said of an earlier generation is not believed, said %s", async (_, status) => {
    const fake = platform();
    fake.status.set("ClusterIssuer/letsencrypt", status);
    const issuer = { apiVersion: "cert-manager.io/v1", kind: "ClusterIssuer", metadata: { name: "letsencrypt" } };
    for (const email of ["a", "b", "c"]) fake.put({ ...issuer, spec: { email } });
    expect((await open(fake)).outputs.missing).toEqual([
      expect.stringMatching(/ClusterIssuer letsencrypt was last looked at as generation 2, and it is at \d\)$/),
    ]);
    fake.status.set("ClusterIssuer/letsencrypt", {
      conditions: [{ type: "Ready", status: "True", observedGeneration: 99 }],
    });
    expect((await open(fake)).failures).toBeUndefined();
  });

  test("a time-out names everything that was missing, in the controllers' own words", async () => {
    const fake = platform();
    const conditions = [{ type: "Ready", status: "False", message: "the account could not be registered" }];
    fake.status.set("ClusterIssuer/letsencrypt", { conditions });
    fake.status.set("Service/gateway", { loadBalancer: {} });
    fake.refused.set("probe", 'failed calling webhook "webhook.cert-manager.io": no endpoints available');
    const { failures, outputs } = await open(fake);
    const missing = [
      "the issuer is ready (ClusterIssuer letsencrypt is not Ready: the account could not be registered)",
      "the gateway has an address (Service gateway has no status.loadBalancer.ingress yet)",
      'the webhook of cert-manager answers (failed calling webhook "webhook.cert-manager.io": no endpoints available)',
    ];
    expect(failures).toEqual([`after 1 s there is still missing: ${missing.join("; ")}`]);
    expect(outputs.missing).toEqual(missing);
    fake.status.set("ClusterIssuer/letsencrypt", {
      conditions: [{ type: "Ready", status: "False", error: "it is sealed" }],
    });
    expect((await open(fake)).outputs.missing[0]).toMatch(/is not Ready: it is sealed\)$/);
  });

  test("waits for an API that does not answer, and says so in the end", async () => {
    const fake = platform();
    fake.recorder.outage = new KubernetesError(0, "10.0.3.1:6443 cannot be reached: connect ECONNREFUSED");
    const { failures } = await open(fake);
    expect(failures).toEqual([
      "after 1 s there is still missing: 10.0.3.1:6443 cannot be reached: connect ECONNREFUSED",
    ]);
  });

  test("gives up at once where the credentials are refused", async () => {
    const fake = platform();
    fake.recorder.outage = new KubernetesError(403, "clusterissuers is forbidden");
    const began = Date.now();
    const { failures } = await open(fake);
    expect(failures?.[0]).toMatch(/^clusterissuers is forbidden; not seen yet: the issuer is ready; /);
    expect(Date.now() - began).toBeLessThan(900);
  });

  test("shows after a refresh what was lost since it opened, and waits for it again", async () => {
    const fake = platform();
    const resource = gate(fake.drivers);
    const { outputs } = await open(fake);
    fake.live.clear();
    const seen = await resource.read("gate", { inputs, outputs }, listen().context);
    if (seen === undefined) throw new Error("a gate is never gone");
    expect(seen.outputs.missing[0]).toBe("the issuer is ready (there is no ClusterIssuer letsencrypt)");
    expect(await resource.diff(seen, inputs as Draft<GateInputs>, listen().context)).toEqual([
      { path: "missing", kind: "update", output: true },
    ]);
  });
});
