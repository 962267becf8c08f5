import { checkPlatform } from "../../platform/rules";
import type { Problem } from "../../problem";
import { checkBackup } from "./backup";
import { checkBoot } from "./boot";
import { readDraft } from "./draft";
import { checkEncryption } from "./encryption";
import { checkDeclaredHardware } from "./hardware";
import { checkApiServer } from "./kubernetes";
import { checkControlPlanes, checkIdentities, checkTaints } from "./machines";
import { checkMirrors } from "./mirrors";
import { checkAddresses, checkLoopback, checkNameservers, checkNetworks } from "./network";
import { checkPools } from "./pools";
import { checkProvider } from "./provider";
import { checkTalos } from "./talos";

/**
 * Rules between the fields of a site file. They run on the raw text, next to the schema: a rule takes only values that
 * are sound by themselves and stays silent about the rest, which the schema reports.
 */
export function checkRules(raw: unknown): Problem[] {
  const draft = readDraft(raw);
  return RULES.flatMap((rule) => rule(draft));
}

const RULES = [
  checkNetworks,
  checkAddresses,
  checkLoopback,
  checkNameservers,
  checkIdentities,
  checkControlPlanes,
  checkTaints,
  checkPools,
  checkProvider,
  checkTalos,
  checkApiServer,
  checkMirrors,
  checkBackup,
  checkBoot,
  checkDeclaredHardware,
  checkEncryption,
  checkPlatform,
];
