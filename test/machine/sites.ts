import type { ProviderName } from "../../components/machine/contract";
import type { SiteFile } from "../../components/site/spec";
import { siteFile } from "../support/site";

// biome-ignore lint/suspicious/noExplicitAny: tests edit it in every way a person could
type Editable = any;

/** Parts of the site file that providers need. */
const PARTS: { readonly [name in ProviderName]?: object } = {
  latitude: { project: "home", region: "NYC", plan: "c2-small-x86" },
  proxmox: { host: "pve1", cores: 4, memoryMiB: 8192, dataGiB: 100, vlan: 20 },
  hetzner: { location: "fsn1", size: "cx33", loadBalancer: "lb11" },
  vultr: { region: "ams", size: "vc2-2c-4gb", loadBalancer: true },
};

/** The same five machines at every provider; what differs is what the provider asks for. */
export function siteAt(provider: ProviderName, edit: (site: Editable) => void = () => undefined): SiteFile {
  const site: Editable = siteFile();
  if (provider !== "lab") {
    const text = JSON.stringify(site).replaceAll("127.77.0.", "10.0.3.");
    Object.assign(site, JSON.parse(text));
  }
  site.provider = provider;
  if (PARTS[provider] !== undefined) site[provider] = { ...PARTS[provider] };
  if (provider === "latitude" || provider === "hetzner" || provider === "vultr") {
    for (const machine of Object.values<Editable>(site.machines)) delete machine.mac;
    delete site.network.gateway;
    if (provider === "latitude") site.network.endpoint = "api.example.org";
    else delete site.network.vip;
  }
  edit(site);
  return site;
}

/** What a real provider would answer. */
export function answered(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  const last = 10 + [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 200, 7);
  switch (type) {
    case "plinth:latitude:Server":
      return {
        serverId: `sv_${name}`,
        status: "on",
        ...{ address: `198.51.100.${last}`, gateway: "198.51.100.1", prefixLength: 25 },
        ...{ publicMac: "aa:bb:cc:00:00:01", privateMac: "aa:bb:cc:00:01:01", rack: "rack_1", orderedAt: 0 },
      };
    case "plinth:latitude:VirtualNetwork":
      return { networkId: "vlan_1", vid: 2012, connected: inputs.servers };
    case "hcloud:index/server:Server":
      return { ipv4Address: `203.0.113.${last}` };
    case "hcloud:index/serverNetwork:ServerNetwork":
      return { macAddress: "86:00:00:00:00:01" };
    case "hcloud:index/loadBalancer:LoadBalancer":
    case "vultr:index/loadBalancer:LoadBalancer":
      return { ipv4: "203.0.113.9", ipv4Address: "203.0.113.9" };
    case "tls:index/privateKey:PrivateKey":
      return { privateKeyOpenssh: PRIVATE, publicKeyOpenssh: "ssh-ed25519 AAAA\n" };
    case "vultr:index/instance:Instance":
      return { mainIp: `203.0.113.${last}` };
    case "talos:machine/secrets:Secrets":
      return {
        machineSecrets: { certs: { k8s: { cert: "k8s-ca", key: "k8s-key" } }, cluster: { id: "cluster-id" } },
        clientConfiguration: { caCertificate: "ca", clientCertificate: "crt", clientKey: "key" },
      };
    case "talos:cluster/kubeconfig:Kubeconfig":
      return { kubeconfigRaw: "apiVersion: v1" };
    case "plinth:talos:Bootstrap":
      return { clusterId: "cluster-id" };
    default:
      return {};
  }
}

/** A private key, as the tests look for it. */
export const PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----";
