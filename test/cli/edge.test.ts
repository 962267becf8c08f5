import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { dnsConfig, nginxConfig } from "../../cli/commands/edge";
import { siteFile } from "../support/site";

const folder = mkdtempSync(path.join(tmpdir(), "plinth-edge-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A stack file of the home site with this platform. */
function stack(platform: object): string {
  const file = path.join(folder, "Pulumi.home.yaml");
  writeFileSync(file, stringify({ config: { "plinth:site": { ...siteFile("home"), platform } } }));
  return file;
}

const metallb = { pools: { lan: { range: "10.0.3.2-10.0.3.20" } } };

test("every name of the domain goes to the ingress, unopened", () => {
  const config = nginxConfig(stack({ metallb, "ingress-nginx": { address: "10.0.3.2" } }), {
    fallback: "127.0.0.1:8443",
  });
  for (const line of [
    "*.home.example.org plinth_r_home;",
    "home.example.org plinth_r_home;",
    "server 10.0.3.2:443;",
    "default plinth_fallback;",
    "ssl_preread on;",
  ]) {
    expect(config).toContain(line);
  }
});

test("an ingress without an address of its own cannot be led to", () => {
  expect(() => nginxConfig(stack({ metallb, "ingress-nginx": {} }), {})).toThrow(
    "platform.ingress-nginx.address: is missing",
  );
});

test("what nginx would refuse is told with its place", () => {
  const file = stack({ metallb, "ingress-nginx": { address: "10.0.3.2" } });
  expect(() => nginxConfig(file, { fallback: "elsewhere" })).toThrow(
    'edge.fallback: "elsewhere" is not an address with a port',
  );
});

test("a secondary copies every zone of the site", () => {
  const zones = { "home.example.org": { nameservers: { "ns1.home.example.org": "10.0.3.3" } } };
  const config = dnsConfig(stack({ metallb, "local-path": {}, powerdns: { address: "10.0.3.3", zones } }));
  expect(config).toContain('zone "home.example.org" {');
  expect(config).toContain("primaries { 10.0.3.3; };");
  expect(() => dnsConfig(stack({ metallb }))).toThrow("platform.powerdns: is missing");
});
