/** Looks at a stack before it is rebuilt, and keeps what is the site's through the rebuild. */
import { createHash } from "node:crypto";
import { networkInterfaces } from "node:os";
import type { Deployment, Stack } from "@pulumi/pulumi/automation";
import { parse } from "yaml";
import { z } from "zod";
import { ProblemError } from "../../components/problem";
import { type Identity, outlives, type Stored, type Survey } from "./plan";

const stored = z.looseObject({
  urn: z.string(),
  type: z.string(),
  protect: z.boolean().exactOptional(),
  inputs: z.record(z.string(), z.unknown()).exactOptional(),
  outputs: z.record(z.string(), z.unknown()).exactOptional(),
}) satisfies z.ZodType<Stored>;
const deploymentSchema = z.looseObject({ resources: z.array(stored).default([]) });
const outputsSchema = z.object({
  nodes: z.object({ value: z.record(z.string(), z.string()) }),
  endpoint: z.object({ value: z.string() }),
  kubeconfig: z.object({ value: z.string() }),
});
const kubeconfigSchema = z.object({
  clusters: z.array(z.object({ cluster: z.object({ "certificate-authority-data": z.string() }) })).min(1),
});

/** What stands, and what the managing side needs. `env` is what the engine is run with. */
export async function survey(stack: Stack, env: NodeJS.ProcessEnv): Promise<Survey> {
  const { resources } = deploymentSchema.parse((await stack.exportStack()).deployment ?? {});
  const outputs = outputsSchema.safeParse(await stack.outputs());
  return {
    resources,
    nodes: outputs.data?.nodes.value ?? {},
    endpoint: outputs.data?.endpoint.value ?? "https://0.0.0.0",
    needed: await neededHosts(stack, env),
    own: Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address)),
  };
}

async function neededHosts(stack: Stack, env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const { url } = await stack.workspace.whoAmI();
  const config = await stack.getAllConfig();
  const places: Readonly<Record<string, string | undefined>> = {
    "the state": url,
    NetBox: urlIn(config["plinth:netbox"]?.value) ?? env.PLINTH_NETBOX_URL,
    "the boot server": urlIn(config["plinth:bootServer"]?.value) ?? env.PLINTH_BOOT_URL,
  };
  return Object.fromEntries(
    Object.entries(places).flatMap(([what, place]) => {
      const host = place === undefined ? undefined : hostOf(place);
      return host === undefined ? [] : [[what, host]];
    }),
  );
}

function urlIn(config: string | undefined): string | undefined {
  const parsed = z.object({ url: z.string() }).safeParse(config === undefined ? undefined : parse(config));
  return parsed.data?.url;
}

/** Host behind a URL; of a bucket the one of its endpoint. A folder has none. */
export function hostOf(place: string): string | undefined {
  if (!URL.canParse(place)) return undefined;
  const { protocol, hostname, searchParams } = new URL(place);
  if (protocol !== "s3:") return hostname === "" ? undefined : hostname;
  const endpoint = searchParams.get("endpoint") ?? "";
  return hostOf(endpoint) ?? (endpoint === "" ? undefined : endpoint.replace(/:\d+$/, ""));
}

/** Protects what is the site's from the destroy; the update after it lets go of the protection again. */
export async function keepSite(stack: Stack): Promise<void> {
  const exported = await stack.exportStack();
  const deployment = deploymentSchema.parse(exported.deployment ?? {});
  if (!deployment.resources.some(outlives)) return;
  const resources = deployment.resources.map((each) => (outlives(each) ? { ...each, protect: true } : each));
  await stack.importStack({ ...exported, deployment: { ...deployment, resources } } as Deployment);
}

/** Addresses and marks of the secrets, as they are now. @throws ProblemError when no update has finished */
export async function identityOf(stack: Stack): Promise<Identity> {
  const outputs = outputsSchema.safeParse(await stack.outputs());
  if (!outputs.success) {
    const fix = "finish it with `pulumi up`";
    throw new ProblemError("Nothing was changed.", [{ path: "", reason: "the stack's last update did not end", fix }]);
  }
  const { nodes, endpoint, kubeconfig } = outputs.data;
  const { resources } = deploymentSchema.parse((await stack.exportStack()).deployment ?? {});
  const clusterId = resources.find(({ type }) => type === "plinth:talos:Bootstrap")?.outputs?.clusterId;
  const [first] = kubeconfigSchema.parse(parse(kubeconfig.value)).clusters;
  return {
    ...Object.fromEntries(Object.entries(nodes.value).map(([key, address]) => [`address of ${key}`, address])),
    "the API's URL": endpoint.value,
    ...(typeof clusterId === "string" && { "cluster id": clusterId }),
    "the Kubernetes CA": fingerprint(first?.cluster["certificate-authority-data"] ?? ""),
  };
}

const fingerprint = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
