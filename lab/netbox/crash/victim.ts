import type { PoolInputs } from "../../../components/address/IpPool";
import type { PoolState } from "../../../provider/address/backend";
import { poolResource } from "../../../provider/address/real";
import type { Context } from "../../../provider/resource";

/** One operation on a pool, in a process of its own so that it can be killed. */
export interface Job {
  readonly url: string;
  readonly token: string;
  readonly operation: "create" | "update" | "delete";
  readonly inputs: PoolInputs;
  /** What the state holds; absent for a create. */
  readonly prior?: PoolState;
}

function contextOf({ url, token }: Job): Context {
  const quiet = () => undefined;
  const { signal } = new AbortController();
  return {
    urn: "urn:pulumi:crash::plinth::plinth:address:Pool::nodes",
    config: { netbox: { url, token } },
    signal,
    log: { info: quiet, warn: quiet, progress: quiet },
    audit: async () => undefined,
    lease: (_hold, work) => work(signal),
    redact: (text) => text,
  };
}

async function work(job: Job): Promise<void> {
  const context = contextOf(job);
  const { inputs, prior } = job;
  if (job.operation === "create") return print(await poolResource.create(inputs, context));
  if (prior === undefined) throw new Error(`a job to ${job.operation} needs what the state holds`);
  if (job.operation === "update") return print(await poolResource.update("nodes", prior, inputs, context));
  await poolResource.delete("nodes", prior, context);
}

function print(result: object): void {
  process.stdout.write(JSON.stringify(result));
}

work(JSON.parse(process.argv[2] ?? "")).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
