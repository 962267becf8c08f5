import { spawn } from "node:child_process";
import { join } from "node:path";
import type { PoolInputs } from "../../components/address/IpPool";
import type { Job } from "../../lab/netbox/crash/victim";
import { NetBox } from "../../provider/netbox/client";
import { initNetBox } from "../../provider/netbox/setup";
import { requester, startNetBox, tokens } from "../netbox/support";
import { ROOT } from "../support/site";

jest.setTimeout(180_000);

const PROGRAMS = 50;

/** One program: the compiled provider in a process of its own. */
function program(job: Job): Promise<{ outputs: { addresses: Record<string, string> } } | undefined> {
  const child = spawn(process.execPath, [join(ROOT, "dist/lab/netbox/crash/victim.js"), JSON.stringify(job)]);
  let text = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code !== 0) reject(new Error(errors));
      else resolve(text === "" ? undefined : JSON.parse(text));
    });
  });
}

test("50 programs at a time claim from one prefix: 50 different addresses, and none left after they end", async () => {
  const { server, url } = await startNetBox();
  try {
    const admin = NetBox.connect({ url, token: tokens.admin }, { signal: new AbortController().signal });
    await initNetBox(admin, ["home"]);
    admin.close();
    const request = requester(url, tokens.admin);
    await request("POST", "/api/ipam/prefixes/", { prefix: "10.83.5.0/26" });
    const jobs = Array.from({ length: PROGRAMS }, (_, index) => {
      const inputs: PoolInputs = {
        site: "home",
        name: "nodes",
        backend: "netbox",
        prefix: "10.83.5.0/26",
        claims: { [`p-${index}`]: {} },
      };
      return { url, token: tokens.least, inputs };
    });
    const results = await Promise.all(jobs.map((job) => program({ ...job, operation: "create" })));
    const addresses = results.flatMap((result) => Object.values(result?.outputs.addresses ?? {}));
    expect(new Set(addresses).size).toBe(PROGRAMS);

    const outputs = (index: number) => ({
      generation: 1,
      resting: [],
      pending: [],
      orphans: [],
      strays: [],
      addresses: { ...results[index]?.outputs.addresses },
    });
    await Promise.all(
      jobs.map((job, index) =>
        program({ ...job, operation: "delete", prior: { inputs: job.inputs, outputs: outputs(index) } }),
      ),
    );
    expect((await request("GET", "/api/ipam/ip-addresses/")).body.count).toBe(0);
  } finally {
    await server.close();
  }
});
