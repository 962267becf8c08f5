import { checkBootNetwork, networkArguments } from "../../components/boot/network";
import { checkSchematic } from "../../components/boot/schematic";

test.each([
  [{ link: "eno1" }, "ip=:::::eno1:dhcp"],
  [
    { link: "52:54:00:12:34:56", address: "10.0.1.10/16", gateway: "10.0.0.1" },
    "ip=10.0.1.10::10.0.0.1:255.255.0.0::enx525400123456:off",
  ],
  [
    { link: "eno1", address: "10.0.1.10/20", nameservers: ["10.0.0.1", "10.0.0.2"], ntp: "10.0.0.3" },
    "ip=10.0.1.10:::255.255.240.0::eno1:off:10.0.0.1:10.0.0.2:10.0.0.3",
  ],
  [{ link: "eno1", vlan: 20, address: "10.0.1.10/24" }, "vlan=eno1.20:eno1 ip=10.0.1.10:::255.255.255.0::eno1.20:off"],
  [
    { link: "bond0", bond: { links: ["eno1", "eno2"], mode: "802.3ad" as const }, vlan: 20 },
    "bond=bond0:eno1,eno2:mode=802.3ad vlan=bond0.20:bond0 ip=:::::bond0.20:dhcp",
  ],
])("%j as kernel arguments", (network, text) => {
  expect(checkBootNetwork(network, "boot")).toEqual([]);
  const kernelArgs = networkArguments(network);
  expect(kernelArgs.join(" ")).toBe(text);
  // They can be part of an image whose id is known offline.
  expect(checkSchematic({ kernelArgs }, "talos")).toEqual([]);
});

test("everything the kernel cannot be told is refused at once", () => {
  const network = {
    link: "ENO 1",
    bond: { links: ["52:54:00:12:34:56"], mode: "802.3ad" as const },
    vlan: 4095,
    address: "fd00::5/64",
    gateway: "fd00::1",
    nameservers: ["a", "10.0.0.1", "10.0.0.2"],
  };
  expect(checkBootNetwork(network, "boot").map(({ path }) => path)).toEqual([
    "boot.link",
    "boot.bond.links",
    "boot.bond.links",
    "boot.vlan",
    "boot.address",
    "boot.nameservers",
    "boot.gateway",
    "boot.nameservers",
  ]);
  expect(checkBootNetwork({ link: "eno1", gateway: "10.0.0.1" }, "boot")).toEqual([
    expect.objectContaining({ path: "boot.address", reason: "is missing beside a gateway or name servers" }),
  ]);
});
