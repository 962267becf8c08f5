import { join } from "node:path";
import type { Command } from "commander";
import { ProblemError } from "../../components/problem";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { reportOf } from "../../components/telemetry/report";
import { stateDirectory } from "../../provider/state";
import { installationId, put, queue, send, spoolFolder } from "../telemetry/spool";

/** `plinth telemetry …`: off unless a site file says otherwise, and nothing but these commands ever sends. */
export function registerTelemetry(program: Command): void {
  const telemetry = program.command("telemetry").description("what a site tells of itself, if it is asked to");
  const folder = join(stateDirectory(), "telemetry");
  const report = (file: string) => {
    const plan = planSite(parseSite(readSiteFile(file), file));
    // By the name that no other site of one domain has.
    const site = `${plan.name}.${plan.domain}`;
    return { plan, now: reportOf(plan, installationId(folder, site), new Date()) };
  };

  telemetry
    .command("show")
    .description("print every report that would be sent, to the last byte; sends nothing")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .action((file: string) => {
      const { plan, now } = report(file);
      const { url } = plan.telemetry ?? {};
      const reports = url === undefined ? [now] : queue(spoolFolder(folder, url), now);
      for (const each of reports) console.log(JSON.stringify(each));
      const count = `${reports.length} report${reports.length === 1 ? "" : "s"}`;
      console.log(url === undefined ? "off: the site file names no telemetry.url" : `${count} to ${url}`);
    });

  telemetry
    .command("send")
    .description("send a report of the site, and those that wait for a network")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .action(async (file: string) => {
      const { plan, now } = report(file);
      if (plan.telemetry === undefined) {
        const fix = "write telemetry: {url: https://…} if that is wanted";
        throw new ProblemError("Nothing was sent:", [{ path: "telemetry", reason: "is off in this site file", fix }]);
      }
      const spool = spoolFolder(folder, plan.telemetry.url);
      put(spool, now);
      const sent = await send(spool, plan.telemetry.url);
      console.log(`${sent} report${sent === 1 ? "" : "s"} sent to ${plan.telemetry.url}`);
    });
}
