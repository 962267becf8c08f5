import type { Rule } from "../rule";
import { rule as clusterIdentityKept } from "./cluster/cluster-identity-kept";
import { rule as contractFrozen } from "./cluster/contract-frozen";
import { rule as controlPlaneKept } from "./cluster/control-plane-kept";
import { rule as controlPlanesOneAtATime } from "./cluster/control-planes-one-at-a-time";
import { rule as nodeKeptInPlace } from "./cluster/node-kept-in-place";
import { rule as releaseConverged } from "./cluster/release-converged";
import { rule as rolesApart } from "./cluster/roles-apart";
import { engineRules } from "./engine";
import { rule as dataKept } from "./safety/data-kept";
import { rule as dataNotDestroyed } from "./safety/data-not-destroyed";
import { rule as fewAtOnce } from "./safety/few-at-once";
import { rule as licenceGood } from "./safety/licence-good";
import { rule as madeWhole } from "./safety/made-whole";
import { rule as nothingPending } from "./safety/nothing-pending";
import { rule as protectionKept } from "./safety/protection-kept";
import { rule as stateSmall } from "./safety/state-small";
import { rule as noPlaintextSecretInState } from "./secrets/no-plaintext-secret-in-state";
import { rule as stateEncrypted } from "./secrets/state-encrypted";
import { rule as chartAsPinned } from "./supply-chain/chart-as-pinned";
import { rule as chartImagesListed } from "./supply-chain/chart-images-listed";

/** Every rule of the pack. */
export const rules: readonly Rule[] = [
  ...engineRules,
  chartAsPinned,
  chartImagesListed,
  clusterIdentityKept,
  contractFrozen,
  controlPlaneKept,
  controlPlanesOneAtATime,
  nodeKeptInPlace,
  releaseConverged,
  rolesApart,
  dataKept,
  dataNotDestroyed,
  fewAtOnce,
  licenceGood,
  madeWhole,
  nothingPending,
  protectionKept,
  stateSmall,
  noPlaintextSecretInState,
  stateEncrypted,
];
