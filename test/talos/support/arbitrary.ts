import fc from "fast-check";
import type { InterfaceModel, NodeModel, VolumeKeys } from "../../../components/talos/config/model";
import type { Contract } from "../../../components/talos/releases";
import { ROOM_CA } from "./models";

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/);
const octet = fc.integer({ min: 1, max: 254 });
const address = fc.tuple(octet, octet).map(([a, b]) => `10.0.${a}.${b}`);
const cidr = address.map((ip) => `${ip}/24`);
const network = fc.tuple(octet, octet).map(([a, b]) => `10.${a}.${b}.0/24`);
const mac = fc.tuple(octet, octet).map(([a, b]) => `52:54:00:00:${hex(a)}:${hex(b)}`);
const map = fc.dictionary(word, word, { maxKeys: 3 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const link: fc.Arbitrary<InterfaceModel> = defined({
  name: word,
  mac: optional(mac),
  addresses: optional(fc.array(cidr, { maxLength: 2 })),
  gateway: optional(address),
  dhcp: optional(fc.boolean()),
  mtu: optional(fc.integer({ min: 1450, max: 9000 })),
  vlans: optional(
    fc
      .uniqueArray(fc.integer({ min: 1, max: 4094 }), { maxLength: 2 })
      .map((ids) => ids.map((id) => ({ id, dhcp: true }))),
  ),
});

const keys: fc.Arbitrary<VolumeKeys> = fc.constantFrom<VolumeKeys>(
  [{ kind: "tpm" }, { kind: "nodeId" }],
  [{ kind: "nodeId" }, { kind: "kms", endpoint: "https://kms.lab" }],
);

const mirror = fc.record({
  endpoints: fc.array(
    address.map((host) => `https://${host}:5000`),
    { minLength: 1, maxLength: 2 },
  ),
  overridePath: fc.boolean(),
  skipFallback: fc.boolean(),
});

/** Any node that a contract can express. */
export function nodeModel(contract: Contract): fc.Arbitrary<NodeModel> {
  const install = fc.record({
    disk: fc.constantFrom({ path: "/dev/sda" }, { wwid: "naa.5000" }, { serial: "S1*", model: "SIM" }, {
      type: "ssd",
      size: "> 1TiB",
    } as const),
    ...(contract === "v1.11" ? { extraKernelArgs: fc.constantFrom([], ["console=ttyS0"]) } : {}),
  });
  return defined<NodeModel>({
    type: fc.constantFrom("controlplane", "worker"),
    hostname: word,
    interfaces: optional(fc.uniqueArray(link, { maxLength: 3, selector: ({ name }) => name })),
    nameservers: optional(fc.array(address, { maxLength: 2 })),
    searchDomains: optional(fc.array(word, { maxLength: 2 })),
    ntp: optional(fc.array(word, { maxLength: 2 })),
    install: optional(install),
    certSANs: optional(fc.array(word, { maxLength: 2 })),
    kubelet: optional(fc.record({ extraArgs: map, nodeSubnets: fc.array(network, { maxLength: 1 }) })),
    labels: optional(map),
    annotations: optional(map),
    taints: optional(fc.dictionary(word, fc.constantFrom("a:NoSchedule", ":NoExecute"), { maxKeys: 2 })),
    environment: optional(map),
    podSubnets: optional(fc.array(network, { maxLength: 1 })),
    serviceSubnets: optional(fc.array(network, { maxLength: 1 })),
    cni: optional(fc.constantFrom("flannel", "none")),
    kubeProxy: optional(fc.boolean()),
    allowSchedulingOnControlPlanes: optional(fc.boolean()),
    sysctls: optional(map),
    mirrors: optional(fc.dictionary(word, mirror, { maxKeys: 2 })),
    authorities: optional(fc.dictionary(word, fc.constant(ROOM_CA), { maxKeys: 1 })),
    encryption: optional(fc.record({ state: keys, ephemeral: keys })),
  }).map((model) => {
    const [first] = model.interfaces ?? [];
    const vip = model.type === "controlplane" && first !== undefined;
    return vip
      ? { ...model, vip: { address: "10.0.0.10", link: first.name }, apiServer: { certSANs: ["api"] } }
      : model;
  });
}

/** A record without the keys that are undefined, as exact optional properties want it. */
function defined<T>(fields: { readonly [K in keyof T]-?: fc.Arbitrary<T[K] | undefined> } | object): fc.Arbitrary<T> {
  return fc
    .record(fields as Record<string, fc.Arbitrary<unknown>>)
    .map((record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T);
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}
