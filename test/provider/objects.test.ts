import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { objectsOver } from "../../provider/kubernetes/objects";
import { KubernetesError } from "../../provider/kubernetes/ports";
import { restTo } from "../../provider/kubernetes/rest";

/** An API server of few words: answers by method and path, and notes what it was asked. */
const answers = new Map<string, { readonly status?: number; readonly body: unknown }>();
const asked: {
  readonly method: string;
  readonly url: string;
  readonly type?: string;
  readonly accept?: string;
  readonly body: string;
}[] = [];
let server: Server;
let address: string;

const fixture = (name: string) => readFileSync(path.join(__dirname, "../netbox/fixture", name));
const signal = new AbortController().signal;

beforeAll(async () => {
  server = createServer({ cert: fixture("server.crt"), key: fixture("server.key") }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const type = headers["content-type"];
      const { accept } = headers;
      asked.push({
        method,
        url,
        body: Buffer.concat(chunks).toString(),
        ...(type !== undefined && { type }),
        ...(accept !== undefined && { accept }),
      });
      const answer = answers.get(`${method} ${url.split("?")[0]}`);
      response.writeHead(answer === undefined ? 404 : (answer.status ?? 200));
      response.end(JSON.stringify(answer?.body ?? { kind: "Status", message: "not found" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  address = `127.0.0.1:${port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  answers.clear();
  asked.length = 0;
  answers.set("GET /apis/example.org/v1", {
    body: {
      resources: [
        { name: "widgets/status", kind: "Widget", namespaced: true },
        { name: "widgets", kind: "Widget", namespaced: true },
      ],
    },
  });
});

const cluster = (at = address) =>
  objectsOver(restTo(async () => ({ server: `https://${at}`, options: { rejectUnauthorized: false } })));

const widget = { apiVersion: "example.org/v1", kind: "Widget", metadata: { name: "w", namespace: "work" } };
const ref = { apiVersion: "example.org/v1", kind: "Widget", namespace: "work", name: "w" };

test("finds the path of a kind by discovery, and takes a missing object or kind for absent", async () => {
  const api = cluster();
  expect(await api.get(ref, signal)).toBeUndefined();
  answers.set("GET /apis/example.org/v1/namespaces/work/widgets/w", { body: widget });
  expect(await api.get(ref, signal)).toEqual(widget);
  expect(await api.get({ ...ref, kind: "Gadget" }, signal)).toBeUndefined();
  expect(await api.list({ apiVersion: "none.org/v1", kind: "Nothing" }, 1, signal)).toEqual([]);
});

test("applies server-side with every field as it is written, and rehearses without writing", async () => {
  answers.set("PATCH /apis/example.org/v1/namespaces/work/widgets/w", { body: widget });
  const api = cluster();
  const object = { ...widget, spec: { default: 1, enum: ["a"], "x-kubernetes-int-or-string": true } };
  await api.apply(object, signal);
  await api.rehearse(object, signal);
  const [first, second] = asked.filter(({ method }) => method === "PATCH");
  expect(first?.url).toMatch(/\?fieldManager=plinth&force=true$/);
  expect(second?.url).toMatch(/\?fieldManager=plinth&force=true&dryRun=All$/);
  expect(first?.type).toBe("application/apply-patch+yaml");
  expect(JSON.parse(first?.body ?? "")).toEqual(object);
});

test("lists what carries labels in one namespace, without its content", async () => {
  answers.set("GET /apis/example.org/v1/namespaces/work/widgets", { body: { items: [{ metadata: { name: "w" } }] } });
  const kind = { apiVersion: "example.org/v1", kind: "Widget", namespace: "work" };
  expect(await cluster().heads(kind, { owner: "helm", name: "w" }, signal)).toEqual([{ metadata: { name: "w" } }]);
  const [listed] = asked.filter(({ url }) => url.includes("widgets"));
  expect(decodeURIComponent(listed?.url ?? "")).toMatch(/\?labelSelector=owner=helm,name=w$/);
  expect(listed?.accept).toBe("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
  expect(await cluster().heads({ ...kind, kind: "Gadget" }, {}, signal)).toEqual([]);
});

test("deletes only the object that was looked at", async () => {
  answers.set("DELETE /apis/example.org/v1/namespaces/work/widgets/w", {
    status: 409,
    body: { message: "uid differs" },
  });
  await cluster().remove(ref, "uid-1", signal);
  expect(JSON.parse(asked.at(-1)?.body ?? "")).toMatchObject({ preconditions: { uid: "uid-1" } });
});

test("a refusal keeps the API's own words, an outage says who did not answer", async () => {
  answers.set("PATCH /apis/example.org/v1/namespaces/work/widgets/w", {
    status: 422,
    body: { message: "spec.size: required" },
  });
  await expect(cluster().apply(widget, signal)).rejects.toMatchObject({
    status: 422,
    message: "spec.size: required",
  });
  const failure = await cluster("127.0.0.1:1")
    .get(ref, signal)
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(KubernetesError);
  expect(failure).toMatchObject({ status: 0, message: expect.stringMatching(/^127\.0\.0\.1:1 cannot be reached: /) });
});
