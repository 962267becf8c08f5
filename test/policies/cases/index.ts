import { clusterCases } from "./cluster";
import { kubernetesCases } from "./kubernetes";
import { networkCases } from "./network";
import { ownershipCases } from "./ownership";
import { safetyCases } from "./safety";
import { secretsCases } from "./secrets";
import { supplyChainCases } from "./supplychain";

/** Cases of every rule; a rule that is tried with several settings has several entries. */
export const cases = [
  ...clusterCases,
  ...secretsCases,
  ...networkCases,
  ...supplyChainCases,
  ...kubernetesCases,
  ...ownershipCases,
  ...safetyCases,
];
