#!/usr/bin/env node
import { Command } from "commander";
import { version } from "../package.json";
import { registerAddress } from "./commands/address";
import { registerAdopt } from "./commands/adopt";
import { registerAudit } from "./commands/audit";
import { registerBoot } from "./commands/boot";
import { registerCheck, registerRules } from "./commands/check";
import { registerEdge } from "./commands/edge";
import { registerEtcd } from "./commands/etcd";
import { registerHardware } from "./commands/hardware";
import { registerImages } from "./commands/images";
import { registerInit } from "./commands/init";
import { registerLab } from "./commands/lab";
import { registerLicence } from "./commands/licence";
import { registerMachines } from "./commands/machines";
import { registerMedia } from "./commands/media";
import { registerOrphans } from "./commands/orphans";
import { registerPlan } from "./commands/plan";
import { registerRebuild } from "./commands/rebuild";
import { registerRecover } from "./commands/recover";
import { registerRelease } from "./commands/release";
import { registerRenew } from "./commands/renew";
import { registerSchema } from "./commands/schema";
import { registerTelemetry } from "./commands/telemetry";
import { registerUpgrade } from "./commands/upgrade";
import { run, written } from "./run";

/** The command line of plinth: thin commands over the library. */
const program = new Command("plinth")
  .description("One typed site file becomes a running Kubernetes site on Talos Linux.")
  .version(version)
  // So that everything after `lab kubectl` belongs to kubectl.
  .enablePositionalOptions();

registerAddress(program);
registerAdopt(program);
registerAudit(program);
registerBoot(program);
registerCheck(program);
registerEdge(program);
registerEtcd(program);
registerHardware(program);
registerImages(program);
registerInit(program);
registerLab(program);
registerLicence(program);
registerMachines(program);
registerMedia(program);
registerOrphans(program);
registerPlan(program);
registerRebuild(program);
registerRecover(program);
registerRelease(program);
registerRenew(program);
registerRules(program);
registerSchema(program);
registerTelemetry(program);
registerUpgrade(program);

// What a library left open must not keep a finished command waiting; who reads its output slowly still gets all of it.
void run(() => program.parseAsync())
  .then(() => Promise.all([written(process.stdout), written(process.stderr)]))
  .finally(() => process.exit());
