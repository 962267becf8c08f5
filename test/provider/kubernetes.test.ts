import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { kubernetes } from "../../provider/kubernetes/client";

/** Answers every call with one status and keeps what was asked. */
let answer: { code: number; body: unknown };
const asked: { readonly method: string | undefined; readonly body: unknown }[] = [];
let server: Server;
let kubeconfig: string;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    asked.push({ method: request.method, body: request.method === "GET" ? undefined : await json(request) });
    response.writeHead(answer.code, { "content-type": "application/json", "x-secret": "of nobody's interest" });
    response.end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  kubeconfig = JSON.stringify({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "a" },
    clusters: [{ name: "a", cluster: { server: url, "insecure-skip-tls-verify": true } }],
    users: [{ name: "a", user: {} }],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
  });
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

const idle = new AbortController().signal;

it("says in one sentence what the API answers, without its headers", async () => {
  answer = { code: 403, body: { kind: "Status", message: 'nodes is forbidden: User "x" cannot list it' } };
  const failed = kubernetes(kubeconfig).nodes(idle);
  await expect(failed).rejects.toThrow(
    /^the Kubernetes API answers 403 to nodes: nodes is forbidden: User "x" cannot list it$/,
  );
});

it("writes taints only over those that were seen, to the second of their setting", async () => {
  const timeAdded = "2026-11-21T10:08:23Z";
  const taint = { key: "node.kubernetes.io/unreachable", effect: "NoExecute" };
  answer = { code: 200, body: { items: [{ metadata: { name: "w-1" }, spec: { taints: [{ ...taint, timeAdded }] } }] } };
  const [node] = await kubernetes(kubeconfig).nodes(idle);
  if (node === undefined) throw new Error("the API lists a Node");
  expect(node.taints).toEqual([{ ...taint, timeAdded }]);

  answer = { code: 200, body: { metadata: { name: "w-1" } } };
  expect(await kubernetes(kubeconfig).setTaints("w-1", node, { taints: [], noted: ["a:NoSchedule"] })).toBe(true);
  expect(asked.at(-1)).toEqual({
    method: "PATCH",
    body: [
      { op: "test", path: "/spec/taints", value: [{ ...taint, timeAdded }] },
      { op: "add", path: "/spec/taints", value: [] },
      { op: "add", path: "/metadata/annotations/plinth.dev~1taints", value: "a:NoSchedule" },
    ],
  });
});

it("leaves taints alone that somebody else has changed since", async () => {
  answer = { code: 422, body: { kind: "Status", reason: "Invalid", message: "the server rejected our request" } };
  const bare = { taints: [], noted: undefined };
  expect(await kubernetes(kubeconfig).setTaints("w-1", bare, bare)).toBe(false);
  expect(asked.at(-1)?.body).toContainEqual({ op: "test", path: "/spec/taints", value: null });
});

it("says what a machine's own pod was made from, and why it is not Ready", async () => {
  const condition = { type: "Ready", status: "False", message: "containers with unready status: [kube-apiserver]" };
  const container = {
    restartCount: 4,
    state: { waiting: { reason: "CrashLoopBackOff" } },
    lastState: { terminated: { exitCode: 1, message: "unknown flag: --x" } },
  };
  answer = {
    code: 200,
    body: {
      metadata: { annotations: { "talos.dev/config-version": "7" } },
      status: { conditions: [condition], containerStatuses: [container] },
    },
  };
  expect(await kubernetes(kubeconfig).staticPod("kube-apiserver-cp-1", idle)).toEqual({
    config: "7",
    ready: false,
    said: `CrashLoopBackOff; it ended with code 1: unknown flag: --x; ${condition.message}`,
    restarts: 4,
  });
  // A Node that had no network at first has its pods marked, and its own kubelet knows better.
  const marked = [
    { type: "ContainersReady", status: "True" },
    { type: "Ready", status: "False" },
  ];
  answer = {
    code: 200,
    body: { metadata: {}, status: { conditions: marked, containerStatuses: [{ restartCount: 0 }] } },
  };
  expect(await kubernetes(kubeconfig).staticPod("kube-apiserver-cp-1", idle)).toMatchObject({ ready: true });
  answer = { code: 404, body: { kind: "Status", message: "not found" } };
  expect(await kubernetes(kubeconfig).staticPod("kube-apiserver-cp-1", idle)).toBeUndefined();
});
