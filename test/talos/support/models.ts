import type { NodeModel } from "../../../components/talos/config/model";

/** Certificate of an authority that signs for the registry of a room. */
export const ROOM_CA = `-----BEGIN CERTIFICATE-----
MIIBUTCCAQOgAwIBAgIUX9nICbozn1XrrlEhKZmr4TCOSFAwBQYDK2VwMB0xGzAZ
BgNVBAMMEnJlZ2lzdHJ5IG9mIGEgcm9vbTAgFw0yNjExMjEyMTE4MjRaGA8yMTI2
MTAyODIxMTgyNFowHTEbMBkGA1UEAwwScmVnaXN0cnkgb2YgYSByb29tMCowBQYD
K2VwAyEAcPZ5yRvWdszyM0gffVxDLg2SxoYHd8+RMQKtib9EHU2jUzBRMB0GA1Ud
DgQWBBRG/iOpTEkj00jhiAwXOotakoMb0zAfBgNVHSMEGDAWgBRG/iOpTEkj00jh
iAwXOotakoMb0zAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBADRtE8vn/PfwqXXW
JdHyEvuNvDgV+eqS1HrA5nvwEULBuSAEWxsxPd+Yo49J/Qw4xmXRerAX2760VEHB
yuByrgI=
-----END CERTIFICATE-----
`;

/** Nodes of different shape; what a contract cannot hold is left out per contract by the test. */
export const MODELS: Readonly<Record<string, NodeModel>> = {
  minimal: { type: "worker", hostname: "worker-1" },
  "control-plane": {
    type: "controlplane",
    hostname: "cp-1",
    interfaces: [
      {
        name: "net0",
        mac: "52:54:00:00:03:0B",
        addresses: ["10.0.3.11/24"],
        gateway: "10.0.3.1",
        mtu: 9000,
        routes: [{ destination: "10.9.0.0/16", gateway: "10.0.3.254" }],
      },
    ],
    vip: { address: "10.0.3.10", link: "net0" },
    nameservers: ["10.0.3.1", "9.9.9.9"],
    searchDomains: ["lab.example"],
    ntp: ["ntp1.lab.example", "ntp2.lab.example"],
    install: {
      disk: { wwid: "naa.5000c500a0b1c2d3" },
      image:
        "factory.talos.dev/metal-installer/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba:v1.13.0",
    },
    certSANs: ["cp-1.lab.example"],
    apiServer: { extraArgs: { "audit-log-maxage": "14", profiling: "false" }, certSANs: ["api.lab.example"] },
    kubelet: { nodeSubnets: ["10.0.3.0/24", "!10.0.3.10/32"], extraArgs: { "max-pods": "200" } },
    labels: { "topology.kubernetes.io/zone": "rack-a", "node.example/yes": "yes" },
    annotations: { "node.example/owner": "on" },
    podSubnets: ["10.200.0.0/16"],
    serviceSubnets: ["10.201.0.0/16"],
    cni: "none",
    kubeProxy: false,
    allowSchedulingOnControlPlanes: true,
    environment: { HTTPS_PROXY: "http://proxy.lab.example:3128", NO_PROXY: "10.0.0.0/8,.lab.example" },
    sysctls: { "net.ipv4.ip_forward": "1", "vm.max_map_count": "262144" },
  },
  worker: {
    type: "worker",
    hostname: "worker-2",
    interfaces: [{ name: "eth0", dhcp: true, vlans: [{ id: 20, addresses: ["10.0.20.12/24"], gateway: "10.0.20.1" }] }],
    install: { disk: { serial: "S4EVNX0M*", model: "Samsung SSD 970*" } },
    labels: { "node-role.example/storage": "true" },
    taints: { dedicated: "storage:NoSchedule" },
    directories: ["local-path", "longhorn"],
    encryption: {
      state: [{ kind: "tpm" }, { kind: "nodeId" }],
      ephemeral: [
        { kind: "tpm", lockToState: true },
        { kind: "kms", endpoint: "https://kms.lab.example:4050" },
      ],
    },
  },
  encrypted: {
    type: "controlplane",
    hostname: "cp-3",
    install: {
      disk: { wwid: "naa.5000c500a0b1c2d4" },
      image:
        "factory.talos.dev/metal-installer-secureboot/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba:v1.13.0",
    },
    encryption: {
      state: [{ kind: "tpm" }, { kind: "kms", endpoint: "https://kms.lab.example:4050" }],
      ephemeral: [
        { kind: "tpm", lockToState: true },
        { kind: "static", passphrase: "kept in a safe" },
        { kind: "nodeId", lockToState: false },
      ],
    },
  },
  "vip-on-vlan": {
    type: "controlplane",
    hostname: "cp-2",
    interfaces: [{ name: "eth0", vlans: [{ id: 30, addresses: ["10.0.30.12/24", "fd00:30::12/64"], mtu: 1450 }] }],
    vip: { address: "10.0.30.10", link: "eth0.30" },
    install: { disk: { path: "/dev/nvme0n1" } },
  },
  mirrored: {
    type: "controlplane",
    hostname: "cp-4",
    mirrors: {
      "*": { endpoints: ["https://10.0.3.5:5000"] },
      "docker.io": {
        endpoints: ["https://10.0.3.5:5000/v2/docker-hub", "https://10.0.3.6:5000/v2/docker-hub"],
        overridePath: true,
        skipFallback: true,
      },
    },
    authorities: { "10.0.3.5:5000": ROOM_CA, "10.0.3.6:5000": ROOM_CA },
  },
  "disk-by-kind": {
    type: "worker",
    hostname: "worker-3",
    install: { disk: { type: "nvme", size: ">= 400gb", model: "Micron*", busPath: "/pci0000:00/*" } },
  },
};
