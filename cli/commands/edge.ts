import type { Command } from "commander";
import { secondaryConfig } from "../../components/dns/service/zones";
import { edgeConfig, edgeProblems } from "../../components/network/edge";
import type { PlatformSpec } from "../../components/platform/spec";
import { type Problem, ProblemError } from "../../components/problem";
import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";

interface Options {
  readonly fallback?: string;
  readonly proxyProtocol?: boolean;
}

/** `plinth edge …`: configuration of a host outside that leads to the site. */
export function registerEdge(program: Command): void {
  const edge = program.command("edge").description("print the configuration of a host outside that leads to the site");

  edge
    .command("nginx")
    .description("nginx' stream module: every name of the site's domain goes to its ingress, TLS unopened")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .option("--fallback <address:port>", "where other names go, as 127.0.0.1:8443 (default: they are closed)")
    .option("--proxy-protocol", "tell the ingress the sender's address; it has to expect that")
    .action((file: string, options: Options) => {
      process.stdout.write(nginxConfig(file, options));
    });

  edge
    .command("dns")
    .description("BIND, or PowerDNS with the bind backend: copies of the site's zones")
    .argument("<file>", "stack file, as stacks/Pulumi.home.yaml")
    .action((file: string) => {
      process.stdout.write(dnsConfig(file));
    });
}

/** The configuration for nginx; a site without a fixed address for its ingress has none. */
export function nginxConfig(file: string, { fallback, proxyProtocol = false }: Options): string {
  const { domain, name, platform } = parseSite(readSiteFile(file), file);
  const address = given(platform?.["ingress-nginx"]?.address, "platform.ingress-nginx.address");
  const settings = {
    routes: {
      [name]: { hosts: [domain, `*.${domain}`], to: `${address.includes(":") ? `[${address}]` : address}:443` },
    },
    ...(fallback !== undefined && { fallback }),
    proxyProtocol,
  };
  refuse(edgeProblems(settings));
  return edgeConfig(settings);
}

/** The configuration for a secondary name server. */
export function dnsConfig(file: string): string {
  const { platform } = parseSite(readSiteFile(file), file);
  return secondaryConfig(given<NonNullable<PlatformSpec["powerdns"]>>(platform?.powerdns, "platform.powerdns"));
}

function given<T>(value: T | undefined, path: string): T {
  if (value === undefined) {
    throw new ProblemError("There is nothing to lead to:", [
      { path, reason: "is missing", fix: "write it into the site file: the host outside needs one address" },
    ]);
  }
  return value;
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ProblemError("nginx would refuse this:", problems);
}
