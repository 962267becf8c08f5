/**
 * What the stand-ins of vendors' plugins know is what the vendors' own packages say: every property of every resource
 * that plinth uses, with its type. `PLINTH_RECORD=1` writes the files anew after a package changed its version.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../support/site";
import { Sdk } from "./sdk";

interface Vendor {
  readonly sdk: string;
  /** Files of the package with the resources that plinth uses. */
  readonly files: readonly string[];
  /** Where it is told which properties make another resource; a change inside of one counts as a change of it. */
  readonly source: string;
  readonly replaces: Readonly<Record<string, readonly string[]>>;
  /** Outputs that programs read of a resource that was made. */
  readonly made?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const VENDORS: Readonly<Record<string, Vendor>> = {
  proxmoxve: {
    sdk: "@muhlba91/pulumi-proxmoxve",
    files: ["vmLegacy", "download/fileLegacy"],
    source: "github.com/bpg/terraform-provider-proxmox d6bd1ffe (2026-07-19), ForceNew and RequiresReplace",
    replaces: {
      // Another host is a migration, as plinth's machines say `migrate`; without that it would replace them.
      "proxmoxve:index/vmLegacy:VmLegacy": ["clone", "efiDisk", "initialization", "tpmState", "vmId"],
      "proxmoxve:download/fileLegacy:FileLegacy": [
        ...["checksum", "checksumAlgorithm", "contentType", "datastoreId", "decompressionAlgorithm"],
        ...["fileName", "nodeName", "url"],
      ],
    },
  },
  hcloud: {
    sdk: "@pulumi/hcloud",
    files: [
      ...["server", "serverNetwork", "network", "networkSubnet", "sshKey", "placementGroup"],
      ...["loadBalancer", "loadBalancerNetwork", "loadBalancerService", "loadBalancerTarget"],
    ],
    source: "github.com/hetznercloud/terraform-provider-hcloud f81c9af4 (2026-08-17), ForceNew and RequiresReplace",
    replaces: {
      "hcloud:index/server:Server": ["image", "location", "sshKeys", "userData"],
      "hcloud:index/serverNetwork:ServerNetwork": ["ip", "networkId", "serverId", "subnetId"],
      "hcloud:index/network:Network": ["ipRange"],
      "hcloud:index/networkSubnet:NetworkSubnet": ["ipRange", "networkId", "networkZone", "type", "vswitchId"],
      "hcloud:index/sshKey:SshKey": ["publicKey"],
      "hcloud:index/loadBalancer:LoadBalancer": ["location", "networkZone"],
      "hcloud:index/loadBalancerNetwork:LoadBalancerNetwork": ["ip", "loadBalancerId", "networkId", "subnetId"],
      "hcloud:index/loadBalancerService:LoadBalancerService": ["listenPort", "loadBalancerId", "protocol"],
      "hcloud:index/loadBalancerTarget:LoadBalancerTarget": ["ip", "labelSelector", "loadBalancerId", "serverId"],
    },
    made: {
      "hcloud:index/server:Server": { ipv4Address: "127.0.0.1" },
      "hcloud:index/serverNetwork:ServerNetwork": { macAddress: "86:00:00:00:00:01" },
      "hcloud:index/loadBalancer:LoadBalancer": { ipv4: "127.0.0.1" },
    },
  },
  vultr: {
    sdk: "@ediri/vultr",
    files: ["instance", "vpc", "startupScript", "loadBalancer"],
    source: "github.com/vultr/terraform-provider-vultr f670e5bf (2026-07-21), ForceNew",
    replaces: {
      "vultr:index/instance:Instance": [
        ...["appId", "appVariables", "disablePublicIpv4", "hostname", "imageId", "osId", "region", "reservedIpId"],
        ...["scriptId", "snapshotId", "sshKeyIds", "userData"],
      ],
      "vultr:index/vpc:Vpc": ["region", "v4Subnet", "v4SubnetMask"],
      "vultr:index/startupScript:StartupScript": ["type"],
      "vultr:index/loadBalancer:LoadBalancer": ["region"],
    },
    made: {
      "vultr:index/instance:Instance": { mainIp: "127.0.0.1" },
      "vultr:index/loadBalancer:LoadBalancer": { ipv4: "127.0.0.1" },
    },
  },
};

/** Facts about a plugin as its stand-in reads them. */
function factsOf(plugin: string, { sdk: name, files, source, replaces, made = {} }: Vendor): object {
  const sdk = new Sdk(name);
  const resources = files.map((file) => sdk.resource(file));
  for (const token of Object.keys(replaces)) expect(resources.map(([known]) => known)).toContain(token);
  return {
    plugin,
    version: sdk.version,
    sources: { types: `${name} ${sdk.version}`, replaces: source },
    options: sdk.options(),
    resources: Object.fromEntries(
      resources.map(([token, declared]) => [
        token,
        { ...declared, replaces: replaces[token] ?? [], made: made[token] ?? {} },
      ]),
    ),
  };
}

test.each(Object.keys(VENDORS))("the stand-in of %s knows what the package says, no more and no less", (plugin) => {
  const vendor = VENDORS[plugin];
  if (vendor === undefined) throw new Error("unreachable");
  const file = path.join(ROOT, "lab/rig/internal/plugin/recorded/facts", `${plugin}.json`);
  const facts = factsOf(plugin, vendor);
  if (process.env.PLINTH_RECORD === "1") writeFileSync(file, `${JSON.stringify(facts, undefined, 1)}\n`);
  const recorded = JSON.parse(readFileSync(file, "utf8"));
  expect(recorded).toEqual(facts);
  for (const { inputs, replaces } of Object.values<{ inputs: object; replaces: string[] }>(recorded.resources)) {
    expect(replaces.filter((property) => !(property in inputs))).toEqual([]);
  }
});
