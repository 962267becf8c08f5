import type { InterfaceModel, NodeModel, VlanModel } from "./model";
import { type ConfigDocument, prune } from "./yaml";

type LinkModel = Pick<InterfaceModel, "addresses" | "gateway" | "routes" | "dhcp" | "mtu">;

/** A document of a kind, without what is not set. */
export function configDocument(kind: string, fields: ConfigDocument): ConfigDocument {
  return { apiVersion: "v1alpha1", kind, ...prune(fields) };
}

/** Hostname, links, VIP, DNS and time as documents (contract v1.12 and later). */
export function networkDocuments(model: NodeModel): readonly ConfigDocument[] {
  return [
    // The generated base says `auto: stable`, which excludes a hostname: it has to be switched off in the same document.
    configDocument("HostnameConfig", { auto: "off", hostname: model.hostname }),
    ...(model.interfaces ?? []).flatMap(linkDocuments),
    ...(model.vip === undefined
      ? []
      : [configDocument("Layer2VIPConfig", { name: model.vip.address, link: model.vip.link })]),
    ...resolver(model),
    ...(isAny(model.ntp) ? [configDocument("TimeSyncConfig", { ntp: { servers: model.ntp } })] : []),
  ];
}

function linkDocuments(link: InterfaceModel): readonly ConfigDocument[] {
  const alias =
    link.mac === undefined
      ? []
      : [
          configDocument("LinkAliasConfig", {
            name: link.name,
            selector: { match: `mac(link.permanent_addr) == ${JSON.stringify(link.mac.toLowerCase())}` },
          }),
        ];
  return [
    ...alias,
    configDocument("LinkConfig", { name: link.name, up: true, ...linkFields(link) }),
    ...dhcp(link.name, link),
    ...(link.vlans ?? []).flatMap((vlan) => vlanDocuments(link.name, vlan)),
  ];
}

function vlanDocuments(parent: string, vlan: VlanModel): readonly ConfigDocument[] {
  const name = `${parent}.${vlan.id}`;
  return [
    configDocument("VLANConfig", { name, vlanID: vlan.id, parent, up: true, ...linkFields(vlan) }),
    ...dhcp(name, vlan),
  ];
}

function linkFields(link: LinkModel): ConfigDocument {
  return {
    mtu: link.mtu,
    addresses: link.addresses?.map((address) => ({ address })),
    routes: [
      ...(link.gateway === undefined ? [] : [{ gateway: link.gateway }]),
      ...(link.routes ?? []).map(({ destination, gateway }) => ({ destination, gateway })),
    ],
  };
}

function dhcp(name: string, link: LinkModel): readonly ConfigDocument[] {
  return link.dhcp === true ? [configDocument("DHCPv4Config", { name })] : [];
}

function resolver(model: NodeModel): readonly ConfigDocument[] {
  if (!isAny(model.nameservers) && !isAny(model.searchDomains)) return [];
  return [
    configDocument("ResolverConfig", {
      nameservers: model.nameservers?.map((address) => ({ address })),
      searchDomains: { domains: model.searchDomains },
    }),
  ];
}

function isAny(list: readonly string[] | undefined): list is readonly string[] {
  return list !== undefined && list.length > 0;
}
