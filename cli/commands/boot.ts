import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { type ServeFlags, serveOptions } from "../../bootserver/options";
import { serveBoot } from "../../bootserver/server";
import { generateSigningKey } from "../../components/boot/permission";
import { ProblemError } from "../../components/problem";
import { bootServer } from "../../provider/boot/client";
import { stateDirectory } from "../../provider/state";

interface Remote {
  readonly server?: string;
  readonly caCertificate?: string;
}

/** `plinth boot …`: the server that decides what machines boot, and what it has decided. */
export function registerBoot(program: Command): void {
  const boot = program.command("boot").description("network boot: the disk by default, an installation once");

  boot
    .command("serve")
    .description("answer machines that boot over the network, until it is told to stop")
    .option("--machines <address:port>", "where machines ask, in plain HTTP", "127.0.0.1:8080")
    .option("--operators <address:port>", "where permissions arrive; over TLS unless it is loopback", "127.0.0.1:8443")
    .option("--state <folder>", "what outlives the process", join(stateDirectory(), "boot"))
    .requiredOption("--trust <file>", "public keys whose permissions are accepted, PEM")
    .option("--token-file <file>", "what operators show (default: PLINTH_BOOT_TOKEN)")
    .option("--url <url>", "how machines reach the server, if not by --machines")
    .option("--configuration-url <url>", "how machines fetch configurations over TLS (default: none are served)")
    .option("--tls-cert <file>", "certificate of the operators' side, PEM")
    .option("--tls-key <file>", "its key, PEM")
    .option("--images <folder>", "images to serve, as `plinth media build` makes them")
    .option("--log <file>", "audit log (default: standard output)")
    .addOption(
      new Option("--disk-boot <way>", "how unknown machines boot from disk")
        .choices(["exit", "404", "sanboot"])
        .default("exit"),
    )
    .action(async (flags: ServeFlags) => {
      const options = await serveOptions(flags, process.env);
      const stop = new AbortController();
      for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
      await serveBoot(options, stop.signal, ({ url, operatorsUrl }) => {
        console.error(`machines ask at ${url}/boot.ipxe, operators at ${operatorsUrl}`);
      });
    });

  boot
    .command("key")
    .description("make a key pair: the private key signs permissions, boot servers trust the public one")
    .argument("<file>", "where the private key goes; the public one goes beside it, with .pub")
    .action((file: string) => {
      for (const each of [file, `${file}.pub`]) {
        if (!existsSync(each)) continue;
        const fix = "name another file; machines that trust this key would trust no permission any more";
        throw new ProblemError("No key was made:", [{ path: each, reason: "is there already", fix }]);
      }
      const { privateKey, publicKey } = generateSigningKey();
      writeFileSync(file, privateKey, { mode: 0o600, flag: "wx" });
      writeFileSync(`${file}.pub`, publicKey, { flag: "wx" });
      console.log(`${file}: give it to plinth as a secret\n${file}.pub: plinth boot serve --trust ${file}.pub`);
    });

  remote(boot.command("status"))
    .description("what every machine may boot")
    .action(async (options: Remote) => {
      const machines = await connect(options).machines(AbortSignal.timeout(30_000));
      const rows = machines.map(({ mac, action, generation, phase, end, expires }) =>
        [
          mac,
          action,
          `generation ${generation}`,
          end === undefined ? phase : `${phase}: ${end}`,
          new Date(expires).toISOString(),
        ].join("  "),
      );
      console.log(rows.length === 0 ? "no machine ever had a permission: all boot from disk" : rows.join("\n"));
    });

  remote(boot.command("revoke"))
    .description("take a machine's permission back: it boots from disk")
    .argument("<mac>", "MAC address")
    .action(async (mac: string, options: Remote) => {
      const machine = await connect(options).revoke(mac.toLowerCase());
      console.log(machine === undefined ? `${mac} never had a permission` : `${mac} boots from disk (${machine.end})`);
    });
}

function remote(command: Command): Command {
  return command
    .option(
      "--server <url>",
      "the operators' side of the boot server (default: PLINTH_BOOT_URL); the token is PLINTH_BOOT_TOKEN",
    )
    .option("--ca-certificate <file>", "PEM of the CA that its certificate chains to");
}

function connect({ server = process.env.PLINTH_BOOT_URL, caCertificate }: Remote) {
  const token = process.env.PLINTH_BOOT_TOKEN;
  if (server === undefined || token === undefined) {
    throw new ProblemError("The boot server cannot be asked:", [
      server === undefined
        ? { path: "--server", reason: "is missing", fix: "give its URL, or set PLINTH_BOOT_URL" }
        : { path: "PLINTH_BOOT_TOKEN", reason: "is not set", fix: "put the boot server's token into this variable" },
    ]);
  }
  const ca = caCertificate === undefined ? undefined : readFileSync(caCertificate, "utf8");
  return bootServer({ url: server, token, ...(ca !== undefined && { caCertificate: ca }) });
}
