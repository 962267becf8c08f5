import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_INSTANCE, Instance, instances } from "../../lab/instance/instance";
import { firstBusyPort, labStackFile, prepare } from "../../lab/instance/prepare";
import { startRack } from "../../lab/rack/rack";

const scratch = mkdtempSync(join(tmpdir(), "plinth-prepare-"));
const cache = process.env.PLINTH_CACHE;
const servers: Server[] = [];
beforeAll(() => {
  process.env.PLINTH_CACHE = scratch;
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(join(scratch, "lab"), { recursive: true, force: true });
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
  if (cache === undefined) delete process.env.PLINTH_CACHE;
  else process.env.PLINTH_CACHE = cache;
});

/** Another program that listens there. */
async function occupy(host: string, port: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen({ host, port }, resolve));
}

const tools = Object.fromEntries(
  ["rig", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"].map((name) => [
    name,
    { path: "/nowhere", version: "x", origin: "built" as const },
  ]),
);

test("an instance of its own name goes around a port that is taken", async () => {
  const first = new Instance("ports");
  await prepare(first);
  const taken = first.read()?.subnet;
  rmSync(first.folder, { recursive: true });
  await occupy(`${taken}.12`, 50000);
  await prepare(first);
  expect(first.read()?.subnet).not.toBe(taken);
});

test("the default instance has one network: taken, it is refused with who to look for, and nothing is left", async () => {
  // On a machine where a lab runs, that lab is the other program.
  await occupy("127.77.0.11", 50000).catch(() => undefined);
  const instance = new Instance(DEFAULT_INSTANCE);
  await expect(prepare(instance)).rejects.toThrow(
    /127\.77\.0\.0\/24: 127\.77\.0\.\d+:\d+ is in use by another program \(end that program \(`ss -ltnp` names it\), or use an instance/,
  );
  expect([existsSync(instance.folder), instances()]).toEqual([false, []]);
});

test("a port that was taken since then stops the machines from starting, by its name", async () => {
  const instance = new Instance("ports");
  const plan = await prepare(instance);
  expect(await firstBusyPort(plan)).toBeUndefined();
  const busy = `${instance.read()?.subnet}.10`;
  await occupy(busy, 6443);
  await expect(startRack(instance, plan, { common: tools, versioned: {} })).rejects.toThrow(
    new RegExp(
      `${busy}:6443: another program listens there \\(\`ss -ltnp\` names it: end it, then run the same command`,
    ),
  );
  expect(existsSync(instance.at("rig.json"))).toBe(false);
});

test("versions that the lab cannot build are refused before anything is written, and the next command is free of them", async () => {
  const wrong = join(scratch, "wrong.yaml");
  const edited = readFileSync(labStackFile, "utf8").replace(/(kubernetes:\s+version:) v?[\d.]+/, "$1 v1.35.0");
  writeFileSync(wrong, edited);
  const fresh = new Instance("fresh");
  const refusal = /kubernetes\.version: the lab cannot build the control plane of Kubernetes v1\.35\.0 \(take one of v/;
  await expect(prepare(fresh, wrong)).rejects.toThrow(refusal);
  expect(existsSync(fresh.folder)).toBe(false);

  const instance = new Instance("versions");
  await prepare(instance);
  const before = [instance.read(), readFileSync(instance.stackFile, "utf8")];
  await expect(prepare(instance, wrong)).rejects.toThrow(refusal);
  expect([instance.read(), readFileSync(instance.stackFile, "utf8")]).toEqual(before);
});
