/** What a stack's state says about its cluster's versions. Reads a file's text; asks no machine. */
import { z } from "zod";
import { ProblemError } from "../../components/problem";
import type { ClusterReleaseOutputs } from "../../components/talos/ClusterRelease";
import type { ClusterVersions } from "../../components/talos/hop";
import { CONTRACTS } from "../../components/talos/releases";
import type { PastStep } from "../../components/talos/rollback";
import { parseState } from "../stored";
import { releaseOutputs } from "./inputs";

const facts = z.looseObject({ configContract: z.enum(CONTRACTS) });

/** Steps that were made, oldest first, as the record of the cluster's updates holds them. */
export function storedSteps(text: string, file: string, clusterName: string): readonly PastStep[] {
  return releaseIn(parseState(text, file).resources, clusterName).upgrades.map(
    ({ axis, from, to, nodes, etcdFormat, snapshot }) => ({
      hop: axis === "talos" ? { axis, from, to, nodes, etcdFormat } : { axis, from, to },
      ...(snapshot !== undefined && { snapshot }),
    }),
  );
}

function releaseIn(resources: Resources, clusterName: string): ClusterReleaseOutputs {
  const release = resources.find(({ type, inputs }) => {
    return type === "plinth:talos:ClusterRelease" && (inputs as { clusterName?: unknown })?.clusterName === clusterName;
  });
  return releaseOutputs.parse(release?.outputs ?? {});
}

type Resources = ReturnType<typeof parseState>["resources"];

/** What ran on every node at the last update or refresh. @throws ProblemError when the state holds no such cluster. */
export function storedVersions(text: string, file: string, clusterName: string): ClusterVersions {
  const { resources } = parseState(text, file);
  const running = Object.entries(releaseIn(resources, clusterName).running);
  const contract = resources.flatMap(({ type, inputs }) => {
    const parsed = type === "plinth:talos:TalosCluster" ? facts.safeParse(inputs) : undefined;
    return parsed?.success ? [parsed.data.configContract] : [];
  })[0];
  if (running.length === 0 || contract === undefined) {
    throw new ProblemError(`${file} does not say what runs:`, [
      {
        path: "",
        reason: `it holds no running cluster ${clusterName}`,
        fix: "give the state of the stack that made it, or say what runs with --from",
      },
    ]);
  }
  const nodes = running.map(([key, { talos, kubernetes }]) => {
    if (kubernetes !== undefined) return [key, { talos, kubernetes }] as const;
    throw new ProblemError(`${file} does not say what runs:`, [
      {
        path: `running.${key}.kubernetes`,
        reason: "is not known: the node had not joined",
        fix: "run `pulumi refresh` once it is up, or say what runs with --from",
      },
    ]);
  });
  return { nodes: Object.fromEntries(nodes), contract };
}
