import type { Problem } from "../../problem";
import { argumentProblem } from "../../talos/apiserver";
import { type Draft, record } from "./draft";

/** Arguments with which an API server starts, as far as their names tell. */
export function checkApiServer({ kubernetes }: Draft): Problem[] {
  return Object.keys(record(record(kubernetes.apiServer).extraArgs)).flatMap((name) => {
    const problem = argumentProblem(name);
    return problem === undefined ? [] : [{ path: `kubernetes.apiServer.extraArgs.${name}`, ...problem }];
  });
}
