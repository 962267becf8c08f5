import fc from "fast-check";
import { candidates, relocate, siteOf, subnetOf } from "../../lab/instance/subnet";

describe("the subnet of a lab", () => {
  it("is the /24 of loopback addresses that the stack file names", () => {
    expect(subnetOf("127.77.0.0/24")).toBe("127.77.0");
  });

  it.each(["10.0.0.0/24", "127.77.0.0/16", "127.77.0.4/24", undefined])("refuses %p with the form it wants", (cidr) => {
    expect(subnetOf(cidr)).toMatchObject({ path: "network.cidr", fix: "write it as 127.77.0.0/24" });
  });

  it("is tried in the same order for a name, each subnet once, all of them loopback", () => {
    const first = [...candidates("edge")];
    expect(first).toEqual([...candidates("edge")]);
    expect(new Set(first).size).toBe(first.length);
    expect(first.every((subnet) => /^127\.1\d\d\.\d{1,3}$/.test(subnet))).toBe(true);
    expect(first[0]).not.toBe([...candidates("other")][0]);
  });
});

describe("relocating a stack file", () => {
  const file = `# a comment stays
config:
  plinth:site:
    network:
      cidr: 127.77.0.0/24
      vip: 127.77.0.10
    url: https://127.77.0.10:6443/x?via=127.77.0.1
    other: 127.77.1.10
    longer: 127.77.0.1055
    prefixed: 1127.77.0.10
`;

  it("moves every address of the network, also inside longer texts, and nothing else", () => {
    expect(relocate(file, "127.77.0", "127.120.9")).toBe(`# a comment stays
config:
  plinth:site:
    network:
      cidr: 127.120.9.0/24
      vip: 127.120.9.10
    url: https://127.120.9.10:6443/x?via=127.120.9.1
    other: 127.77.1.10
    longer: 127.77.0.1055
    prefixed: 1127.77.0.10
`);
  });

  it("leaves a file alone that stays where it is", () => {
    expect(relocate(file, "127.77.0", "127.77.0")).toBe(file);
  });

  it("can be undone, whatever the hosts", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 8 }), (hosts) => {
        const text = hosts.map((host) => `h${host}: 127.77.0.${host}\n`).join("");
        const there = relocate(text, "127.77.0", "127.150.3");
        expect(there).not.toContain("127.77.0.");
        expect(relocate(there, "127.150.3", "127.77.0")).toBe(text);
      }),
    );
  });

  it("finds the site and its network", () => {
    expect(siteOf(file)).toMatchObject({ cidr: "127.77.0.0/24", site: { other: "127.77.1.10" } });
    expect(siteOf("config: {}")).toEqual({ site: undefined, cidr: undefined });
  });
});
