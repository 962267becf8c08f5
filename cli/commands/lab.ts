import { resolve } from "node:path";
import { Argument, type Command, Option } from "commander";
import { ProblemError } from "../../components/problem";
import { DEFAULT_INSTANCE, Instance } from "../../lab/instance/instance";
import { type Interruption, interruptible } from "../../lab/interrupt";
import { CONTROLLER_FAULTS, FAULTS } from "../../lab/rack/faults";
import { Ticker } from "../../lab/ticker";

/** `plinth lab …`: a rack on your own machine. The engine's modules are loaded only by commands that need them. */
export function registerLab(program: Command): void {
  const lab = program.command("lab").description("a rack on your own machine, driven by the real engine");
  withInstance(lab).enablePositionalOptions();

  withInstance(lab.command("up", { isDefault: true }))
    .description("bring the site up, or change it to what its stack file says now")
    .option("--site <file>", "stack file to use from now on (default: stacks/Pulumi.lab.yaml)")
    .option("--policies", "let plinth's rules look at it")
    .allowExcessArguments()
    .action((_, command) =>
      working(command, "lab up", async (instance, options) => {
        refuseUnknownCommand(lab, command);
        const { upAndTell } = await import("../../lab/commands/tell.js");
        await upAndTell(instance, { ...options, ...siteOption(command), policies: command.opts().policies === true });
      }),
    );

  withInstance(lab.command("preview"))
    .description("show what up would change")
    .option("--site <file>", "stack file to use from now on")
    .option("--expect-no-changes", "fail when there is anything to change")
    .option("--policies", "let plinth's rules look at it")
    .action((_, command) =>
      working(command, "lab preview", async (instance, options) => {
        const { previewAndTell } = await import("../../lab/commands/tell.js");
        const expectNoChanges = command.opts().expectNoChanges === true;
        const policies = command.opts().policies === true;
        await previewAndTell(instance, { ...options, ...siteOption(command), expectNoChanges, policies });
      }),
    );

  withInstance(lab.command("status"))
    .description("what runs, what is real, what is simulated")
    .option("--json", "print it as JSON")
    .action(async (_, command) => {
      const { labStatus } = await import("../../lab/status/status.js");
      const { summary } = await import("../../lab/status/summary.js");
      const status = await labStatus(instanceOf(command));
      console.log(command.opts().json === true ? JSON.stringify(status, undefined, 2) : summary(status));
    });

  withInstance(lab.command("down"))
    .description("switch every machine off; up goes on where it stopped")
    .action((_, command) =>
      working(command, "lab down", async (instance, { ticker }) => {
        const { down } = await import("../../lab/commands/down.js");
        await down(instance, ticker);
      }),
    );

  withInstance(lab.command("destroy"))
    .description("let the engine delete the cluster; its secrets and the instance stay")
    .action((_, command) =>
      working(command, "lab destroy", async (instance, options) => {
        const { destroyAndTell } = await import("../../lab/commands/tell.js");
        await destroyAndTell(instance, options);
      }),
    );

  withInstance(lab.command("rebuild"))
    .description("rehearse `plinth rebuild`: wipe the machines and build the same cluster again")
    .option("--yes", "do not ask")
    .action((_, command) =>
      working(command, "lab rebuild", async (instance, options) => {
        const { rebuildLab } = await import("../../lab/commands/rebuild.js");
        await rebuildLab(instance, { ...options, sure: command.opts().yes === true });
      }),
    );

  withInstance(lab.command("reset"))
    .description("remove the instance, its machines' disks and its state")
    .action((_, command) =>
      working(command, "lab reset", async (instance, { ticker }) => {
        const { reset } = await import("../../lab/commands/down.js");
        await reset(instance, ticker);
      }),
    );

  withInstance(lab.command("fault"))
    .description("break a machine or a controller in a named way, or mend it with `none`")
    .argument("<machine>", "key of the machine, or controller/NAME as status names it")
    .addArgument(
      new Argument("<fault>", "what breaks").choices([
        ...new Set([...Object.keys(FAULTS), ...Object.keys(CONTROLLER_FAULTS)]),
        "none",
      ]),
    )
    .argument("[seconds]", "how long, for the faults that take it")
    .action(async (machine, fault, seconds, _, command) => {
      const { breakPart } = await import("../../lab/rack/faults.js");
      console.log(await breakPart(instanceOf(command), machine, fault, seconds));
    });

  for (const tool of ["kubectl", "talosctl", "helm"] as const) {
    withInstance(lab.command(tool))
      .description(`run ${tool} against the lab's cluster`)
      .argument("[args...]", `arguments of ${tool}`)
      .helpOption(false)
      .allowUnknownOption()
      .passThroughOptions()
      .action(async (args: string[], _, command) => {
        const { runTool } = await import("../../lab/commands/tool.js");
        process.exitCode = await runTool(instanceOf(command), tool, args);
      });
  }

  withInstance(lab.command("logs"))
    .description("print what the simulated machines logged")
    .option("-f, --follow", "go on printing")
    .addOption(new Option("-n, --lines <count>", "last lines to print").default("100"))
    .action(async (_, command) => {
      const { logs } = await import("../../lab/commands/tool.js");
      process.exitCode = await logs(instanceOf(command), command.opts());
    });

  lab
    .command("tools")
    .description("build the lab's tools into the cache, without starting anything")
    .option(
      "--print <module>",
      "print the folder of a module's binaries, as kubernetes; of talos each version's program",
    )
    .action(async (options: { print?: string }) => {
      const { buildTools } = await import("../../lab/commands/tools.js");
      const place = await withTicker((ticker) =>
        interruptible(ticker, ({ signal }) => buildTools(ticker, signal, options.print)),
      );
      if (place !== undefined) console.log(place);
    });
}

function withInstance(command: Command): Command {
  return command.option("--instance <name>", `lab instance (default: ${DEFAULT_INSTANCE})`);
}

/** `up` is what `lab` alone means, so a misspelt command arrives there as its argument. */
function refuseUnknownCommand(lab: Command, up: Command): void {
  const [word] = up.args;
  if (word === undefined) return;
  const known = lab.commands.map((command) => command.name()).join(", ");
  throw new ProblemError("Nothing was done.", [
    { path: word, reason: "there is no such command", fix: `write one of ${known}` },
  ]);
}

function instanceOf(command: Command): Instance {
  return new Instance(command.optsWithGlobals().instance ?? DEFAULT_INSTANCE);
}

function siteOption(command: Command): { stackFile?: string } {
  const site: unknown = command.opts().site;
  return typeof site === "string" ? { stackFile: resolve(site) } : {};
}

/** Runs a command that changes an instance: alone, with progress, and interruptible. */
async function working(
  command: Command,
  title: string,
  work: (instance: Instance, options: { ticker: Ticker } & Interruption) => Promise<void>,
): Promise<void> {
  const instance = instanceOf(command);
  const held = await instance.hold(`plinth ${title}`);
  try {
    await withTicker((ticker) => interruptible(ticker, (interruption) => work(instance, { ticker, ...interruption })));
  } finally {
    held.release();
  }
}

async function withTicker<T>(work: (ticker: Ticker) => Promise<T>): Promise<T> {
  const ticker = new Ticker();
  try {
    return await work(ticker);
  } finally {
    ticker.close();
  }
}
