import { ProblemError } from "../../components/problem";
import type { Instance } from "../instance/instance";
import { labStatus } from "../status/status";
import { command, summary } from "../status/summary";
import { seconds } from "../ticker";
import { destroy, preview, type UpOptions, up } from "./up";

/** `lab up` for a person: progress, then the summary. */
export async function upAndTell(instance: Instance, options: UpOptions): Promise<void> {
  const started = Date.now();
  const { report } = await up(instance, options);
  const status = await options.ticker.during(
    () => "looking at the cluster",
    () => labStatus(instance),
  );
  const made = report.changed === 0 ? "nothing had to change" : `${report.changed} changes`;
  options.ticker.line(`up in ${seconds(Date.now() - started)}: ${made}`);
  console.log(`\n${summary(status)}`);
}

/** `lab preview` for a person; throws when there are changes and none were expected. */
export async function previewAndTell(
  instance: Instance,
  options: UpOptions & { readonly expectNoChanges: boolean },
): Promise<void> {
  const { changes } = await preview(instance, options);
  if (options.expectNoChanges && changes.length > 0) {
    throw new ProblemError(`${changes.length} changes were not expected.`, [
      {
        path: instance.name,
        reason: "the site is not what its stack file says",
        fix: `bring it there with: ${command({ instance: instance.name }, "up")}`,
      },
    ]);
  }
  options.ticker.line(
    changes.length === 0
      ? "no changes"
      : `${changes.length} changes; make them with: ${command({ instance: instance.name }, "up")}`,
  );
}

/** `lab destroy` for a person. */
export async function destroyAndTell(instance: Instance, options: UpOptions): Promise<void> {
  const { changed } = await destroy(instance, options);
  options.ticker.line(
    `${changed} resources deleted; the machines wait for ${command({ instance: instance.name }, "up")}`,
  );
}
