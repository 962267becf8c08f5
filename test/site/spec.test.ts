import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { formatProblem, ProblemError } from "../../components/problem";
import { checkSite, parseSite } from "../../components/site/parse";
import { ROOT, siteFile } from "../support/site";

// biome-ignore lint/suspicious/noExplicitAny: a site file before it is checked
type Raw = any;

function problems(edit: (site: Raw) => void, env = "lab"): string[] {
  const site = siteFile(env);
  edit(site);
  return checkSite(site).problems.map(formatProblem);
}

test.each(["lab", "home"])("the %s stack has no problem", (env) => {
  expect(checkSite(siteFile(env)).problems).toEqual([]);
});

/** Each bad edit and the whole list of what it must report. */
const BAD: readonly [string, (site: Raw) => void, string[]][] = [
  [
    "unknown key, with the nearest known one",
    (s) => Object.assign(s.network, { gatway: "127.77.0.1" }),
    ["network.gatway: unknown key (did you mean gateway?)"],
  ],
  [
    "unknown key of a machine",
    (s) => Object.assign(s.machines["cp-1"], { colour: "red" }),
    [
      "machines.cp-1.colour: unknown key (remove it; known here: role, hostname, mac, size, vm, address, disk, arch, adopted, generation, tpm, gpus, encryption, hardware, allowHardware, boot, rescue, failureDomain, labels, taints)",
    ],
  ],
  [
    "wrong type",
    (s) => Object.assign(s, { name: 7 }),
    ['name: 7 is not a string (write a string: put it in quotes, "7")'],
  ],
  ["missing section", (s) => delete s.kubernetes, ["kubernetes: is missing (add it: a section with keys)"]],
  [
    "not an RFC 1123 name",
    (s) => Object.assign(s, { name: "My Site" }),
    [expect.stringMatching(/^name: "My Site" is not an RFC 1123 label/)],
  ],
  [
    "reserved name",
    (s) => Object.assign(s, { name: "localhost" }),
    ['name: "localhost" is a reserved name (choose another name)'],
  ],
  [
    "unknown role",
    (s) => Object.assign(s.machines["cp-1"], { role: "controlplan" }),
    ['machines.cp-1.role: "controlplan" is not known here (did you mean controlplane?)'],
  ],
  [
    "MAC in another form, with the fixed one",
    (s) => Object.assign(s.machines["cp-1"], { mac: "52-54-00-77-00-0B" }),
    [
      'machines.cp-1.mac: "52-54-00-77-00-0B" is not a MAC address in lower-case colon form (did you mean 52:54:00:77:00:0b?)',
    ],
  ],
  [
    "malformed MAC",
    (s) => Object.assign(s.machines["cp-1"], { mac: "52:54" }),
    [
      'machines.cp-1.mac: "52:54" is not a MAC address in lower-case colon form (write six hex pairs, as in 52:54:00:12:34:56)',
    ],
  ],
  [
    "duplicate MAC",
    (s) => Object.assign(s.machines["cp-2"], { mac: "52:54:00:77:00:0b" }),
    [
      "machines.cp-2.mac: MAC address 52:54:00:77:00:0b is already used by machines.cp-1.mac (every machine needs its own)",
    ],
  ],
  [
    "malformed address",
    (s) => Object.assign(s.machines["cp-1"], { address: "127.77.0.999" }),
    [expect.stringMatching(/^machines\.cp-1\.address: "127\.77\.0\.999" is not an/)],
  ],
  [
    "duplicate address",
    (s) => Object.assign(s.machines["cp-2"], { address: "127.77.0.11" }),
    ["machines.cp-2.address: 127.77.0.11 is already used by machines.cp-1.address (give each its own address)"],
  ],
  [
    "address outside the network",
    (s) => Object.assign(s.machines["cp-2"], { address: "127.78.0.11" }),
    [
      "machines.cp-2.address: address 127.78.0.11 is not a host address of network.cidr 127.77.0.0/24 (choose one of 127.77.0.1 to 127.77.0.254, or change network.cidr)",
    ],
  ],
  [
    "broadcast address",
    (s) => Object.assign(s.machines["cp-2"], { address: "127.77.0.255" }),
    [expect.stringContaining("127.77.0.255 is not a host address")],
  ],
  [
    "host bits, with the fixed network",
    (s) => Object.assign(s.network, { cidr: "127.77.0.5/24" }),
    [expect.stringContaining("127.77.0.0/24")],
  ],
  [
    "VIP outside the network",
    (s) => Object.assign(s.network, { vip: "127.78.0.10" }),
    [expect.stringMatching(/^network\.vip: VIP 127\.78\.0\.10 is not a host address/)],
  ],
  [
    "VIP equal to a node",
    (s) => Object.assign(s.network, { vip: "127.77.0.12" }),
    ["network.vip: 127.77.0.12 is already used by machines.cp-2.address (give each its own address)"],
  ],
  [
    "VIP equal to the gateway",
    (s) => Object.assign(s.network, { vip: "127.77.0.1" }),
    ["network.vip: 127.77.0.1 is already used by network.gateway (give each its own address)"],
  ],
  [
    "no VIP with three control planes",
    (s) => delete s.network.vip,
    [
      "network.vip: is missing with 3 control planes (name a free address of network.cidr that the control planes share)",
    ],
  ],
  [
    "two control planes",
    (s) => delete s.machines["cp-3"],
    [
      "machines: 2 control planes: etcd with 2 members survives no more failures than with 1, and the loss of either stops it (use 1 or 3; to replace a dead one leave it declared and raise its generation)",
    ],
  ],
  [
    "no control plane",
    (s) => {
      for (const key of ["cp-1", "cp-2", "cp-3"]) delete s.machines[key];
    },
    ["machines: no machine is a control plane (give one, three or five machines role: controlplane)"],
  ],
  [
    "missing disk",
    (s) => delete s.machines["cp-1"].disk,
    [
      "machines.cp-1.disk: is missing (write one of {wwid: …}, {serial: …} or {selector: {…}}; talosctl get disks --insecure lists them)",
    ],
  ],
  [
    "empty disk selector",
    (s) => Object.assign(s.machines["cp-1"], { disk: { selector: {} } }),
    [expect.stringContaining("an empty selector would match every disk")],
  ],
  [
    "one disk for two machines",
    (s) => Object.assign(s.machines["cp-2"], { disk: { wwid: "naa.5000c500a0770011" } }),
    [expect.stringMatching(/^machines\.cp-2\.disk: disk .* is already used by machines\.cp-1\.disk/)],
  ],
  [
    "overlapping pod and service networks",
    (s) => Object.assign(s.network, { pods: "10.96.0.0/16" }),
    [
      "network.services: 10.96.0.0/12 overlaps network.pods 10.96.0.0/16 (machines, pods and services need networks of their own; change one of them)",
    ],
  ],
  [
    "tiny service network",
    (s) => Object.assign(s.network, { services: "10.96.0.0/28" }),
    [expect.stringContaining("10.96.0.0/28 is too small")],
  ],
  [
    "unknown Talos minor",
    (s) => Object.assign(s.talos, { version: "v1.99.0" }),
    [expect.stringContaining("components/talos/releases.ts")],
  ],
  [
    "unknown Talos patch",
    (s) => Object.assign(s.talos, { version: "v1.13.99" }),
    [expect.stringContaining("v1.13.99 is not known")],
  ],
  [
    "not a version",
    (s) => Object.assign(s.talos, { version: "latest" }),
    ['talos.version: "latest" is not a version (write major, minor and patch, as in v1.13.0)'],
  ],
  [
    "a pair outside the table",
    (s) => Object.assign(s.kubernetes, { version: "v1.30.0" }),
    [
      expect.stringMatching(
        /^kubernetes\.version: Talos v1\.13\.0 does not run Kubernetes v1\.30\.0: it runs 1\.31 to 1\.36/,
      ),
    ],
  ],
  [
    "a contract newer than Talos",
    (s) => Object.assign(s.talos, { configContract: "v1.14" }),
    ["talos.configContract: contract v1.14 is newer than talos.version v1.13.0 (write v1.13 or older)"],
  ],
  [
    "no contract",
    (s) => delete s.talos.configContract,
    ["talos.configContract: is missing (write one of v1.11, v1.12, v1.13, v1.14)"],
  ],
  [
    "a contract that cannot be generated yet",
    (s) => {
      Object.assign(s.talos, { version: "v1.14.1", configContract: "v1.14" });
      s.kubernetes.version = "v1.36.3";
    },
    [
      "talos.configContract: the talos provider that plinth uses cannot generate contract v1.14 (write v1.13: newer Talos versions run it)",
    ],
  ],
  [
    "arguments that are no flag of the API server, or that are Talos' own",
    (s) => {
      s.kubernetes.apiServer = {
        extraArgs: { "--foo": "x", Event_TTL: "2h", "a b": "x", "event-ttl": "2h0m0s", "etcd-servers": "https://x" },
      };
    },
    [
      'kubernetes.apiServer.extraArgs.--foo: "--foo" is not the name of a flag (did you mean foo?)',
      'kubernetes.apiServer.extraArgs.Event_TTL: "Event_TTL" is not the name of a flag (did you mean event-ttl?)',
      'kubernetes.apiServer.extraArgs.a b: "a b" is not the name of a flag (write a flag of kube-apiserver without its dashes, as event-ttl)',
      "kubernetes.apiServer.extraArgs.etcd-servers: Talos sets etcd-servers itself, and starts no API server with another one (remove it)",
    ],
  ],
  [
    "schematic beside extensions",
    (s) => Object.assign(s.talos, { schematic: "a".repeat(64), extensions: ["siderolabs/zfs"] }),
    [expect.stringMatching(/^talos\.schematic: stands beside/)],
  ],
  [
    "a label the kubelet may not set",
    (s) => Object.assign(s.machines["cp-1"], { labels: { "node-role.kubernetes.io/x": "" } }),
    [expect.stringMatching(/^machines\.cp-1\.labels: a kubelet may not set the label "node-role\.kubernetes\.io\/x"/)],
  ],
  [
    "bad taint effect",
    (s) => Object.assign(s.machines["cp-1"], { taints: [{ key: "a", effect: "Never" }] }),
    [
      'machines.cp-1.taints[0].effect: "Never" is not known here (write one of NoSchedule, PreferNoSchedule, NoExecute)',
    ],
  ],
  [
    "two taints of one key, of which Talos would keep the last",
    (s) => {
      const [a, b] = ["NoSchedule", "NoExecute"].map((effect) => ({ key: "gpu", effect }));
      s.machines["cp-1"].taints = [a, { key: "other", effect: "NoSchedule" }, b];
    },
    [
      "machines.cp-1.taints[2]: gpu is already the key of machines.cp-1.taints[0] (keep one of the two, or give one another key: Talos holds one taint of a key, whatever its effect)",
    ],
  ],
  [
    "claim of an unknown pool",
    (s) => Object.assign(s.machines["cp-1"], { address: { pool: "nodes" } }),
    ['machines.cp-1.address.pool: there is no pool "nodes" (add it under pools: nodes: {range: …})'],
  ],
  [
    "a host name with a domain, and one that is no label",
    (s) => {
      s.machines["cp-1"].hostname = "one.example.org";
      s.machines["cp-2"].hostname = "Two";
    },
    [
      'machines.cp-1.hostname: "one.example.org" has a domain, and a Node is called by its first label alone (write one; the domain of every machine is the site\'s)',
      'machines.cp-2.hostname: "Two" is not an RFC 1123 label (use 1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit)',
    ],
  ],
  [
    "registration in a static pool",
    (s) => Object.assign(s, { pools: { nodes: { range: "127.77.0.100-127.77.0.110", register: {} } } }),
    ["pools.nodes.register: has no meaning with backend static (remove it, or write backend: netbox)"],
  ],
  [
    "pool without a range",
    (s) => Object.assign(s, { pools: { nodes: {} } }),
    ["pools.nodes.range: is missing (write first and last address, as in 10.0.3.4-10.0.3.20)"],
  ],
  [
    "a static pool inside a NetBox prefix",
    (s) =>
      Object.assign(s, {
        pools: { a: { range: "127.77.0.100-127.77.0.110" }, b: { backend: "netbox", prefix: "127.77.0.0/24" } },
      }),
    ["pools.b.prefix: overlaps pools.a.range (give each pool addresses of its own)"],
  ],
  [
    "a NetBox pool of another network",
    (s) => Object.assign(s, { pools: { a: { backend: "netbox", prefix: "192.168.0.0/24" } } }),
    ["pools.a.prefix: lies outside network.cidr 127.77.0.0/24 (choose addresses of that network)"],
  ],
  [
    "a pool with two sources",
    (s) =>
      Object.assign(s, {
        pools: { a: { backend: "netbox", prefix: "127.77.0.0/24", range: "127.77.0.4-127.77.0.9" } },
      }),
    ["pools.a.prefix: stands beside range (name one NetBox prefix, as in 10.0.3.0/24, or one NetBox IP range)"],
  ],
  [
    "an address with a space around it",
    (s) => Object.assign(s.machines["cp-1"], { address: "127.77.0.11 " }),
    ['machines.cp-1.address: "127.77.0.11 " is not the canonical form of an address (did you mean 127.77.0.11?)'],
  ],
  [
    "proxy with a password",
    (s) => Object.assign(s.network, { proxy: { http: "http://me:secret@proxy:3128" } }),
    ["network.proxy.http: a proxy URL holds a user or a password (leave both out of the site file)"],
  ],
  [
    "a proxy that is none",
    (s) => Object.assign(s.network, { proxy: { exclude: ["corp.example"] } }),
    ["network.proxy: names no proxy (write http, https or both, or leave network.proxy out)"],
  ],
  [
    "a MAC address of a group, and nobody's",
    (s) => {
      s.machines["cp-1"].mac = "ff:ff:ff:ff:ff:ff";
      s.machines["cp-2"].mac = "01:00:5e:00:00:fb";
      s.machines["cp-3"].mac = "00:00:00:00:00:00";
    },
    [
      'machines.cp-1.mac: "ff:ff:ff:ff:ff:ff" is the address of a group, not of one link (write what stands on the card, or what `ip link` prints)',
      'machines.cp-2.mac: "01:00:5e:00:00:fb" is the address of a group, not of one link (write what stands on the card, or what `ip link` prints)',
      'machines.cp-3.mac: "00:00:00:00:00:00" is nobody\'s address, not of one link (write what stands on the card, or what `ip link` prints)',
    ],
  ],
  [
    "servers at nobody's address, and the VIP as DNS server",
    (s) => Object.assign(s.network, { nameservers: ["0.0.0.0", "127.77.0.10"], ntp: ["239.1.1.1"] }),
    [
      "network.nameservers[0]: 0.0.0.0 is no machine's address (write the address of one)",
      "network.ntp[0]: 239.1.1.1 is no machine's address (write the address of one)",
      "network.nameservers[1]: 127.77.0.10 is network.vip, which no machine holds before the cluster runs (name a DNS server outside of the cluster)",
    ],
  ],
  [
    "an address with a slip, which is no host name either",
    (s) => Object.assign(s.network, { ntp: ["10.0.0.999", "time1"] }),
    [
      'network.ntp[0]: "10.0.0.999" is neither a host name nor an IP address (write it as time.example.org or 10.0.0.1)',
    ],
  ],
  [
    "a lab on a real network",
    (s) => Object.assign(s.network, { cidr: "10.0.0.0/24" }),
    expect.arrayContaining([expect.stringContaining("10.0.0.0/24 is not a loopback network")]),
  ],
  [
    "not an object at all",
    (s) => {
      for (const key of Object.keys(s)) delete s[key];
    },
    expect.arrayContaining([
      expect.stringContaining("name: is missing"),
      expect.stringContaining("machines: is missing"),
    ]),
  ],
];

test.each(BAD)("%s", (_, edit, expected) => {
  expect(problems(edit)).toEqual(expected);
});

test("loopback addresses are for the lab alone", () => {
  expect(problems((site) => Object.assign(site.machines["controller-0"], { address: "127.0.0.5" }), "home")).toEqual(
    expect.arrayContaining([
      "machines.controller-0.address: 127.0.0.5 is a loopback address (use an address of the machines' real network; loopback is for provider: lab)",
    ]),
  );
});

describe("networks of pods and services hold the cluster", () => {
  const found = (edit: (site: Raw) => void) =>
    problems(edit, "home").filter((line) => /^network\.(pods|services)/.test(line));
  const pods = (cidr: string, edit: (site: Raw) => void = () => undefined) =>
    found((site) => {
      site.network.pods = cidr;
      site.kubernetes.cni = "flannel";
      edit(site);
    });

  test("each of five machines takes a /24 for its pods", () => {
    expect(pods("10.244.0.0/21")).toEqual([]);
    expect(pods("10.244.0.0/22")).toEqual([
      "network.pods: 10.244.0.0/22 has room for 4 of 5 machines: the pods of each take a /24 (take a /21 or larger; the default is 10.244.0.0/16)",
    ]);
    expect(pods("10.244.0.0/25")).toEqual([expect.stringContaining("10.244.0.0/25 has room for none of 5 machines")]);
  });

  test("an IPv6 node takes a /64, of at most a /48", () => {
    const six = (site: Raw) => Object.assign(site.network, { cidr: "fd00:77::/64", services: "fd00:79::/112" });
    expect(pods("fd00:78::/56", six)).toEqual([]);
    expect(pods("fd00:78::/63", six)).toEqual([expect.stringContaining("take a /61 or larger)")]);
    expect(pods("fd00::/40", six)).toEqual([expect.stringContaining("no more than a /48 (take a /48 or smaller)")]);
  });

  test("a CNI that somebody else installs divides the network as it likes", () => {
    const other = (site: Raw) => {
      site.kubernetes.cni = "none";
      delete site.platform;
    };
    expect(pods("10.244.0.0/24", other)).toEqual([]);
    const cilium = (site: Raw) => {
      site.kubernetes.cni = "none";
      site.platform = {};
    };
    expect(pods("10.244.0.0/24", cilium)).toHaveLength(1);
  });

  test("an API server before 1.34 counts Service addresses, and no more than it can", () => {
    const services = (version: string, cidr: string) =>
      found((site) => {
        site.kubernetes.version = version;
        site.network.services = cidr;
      });
    expect(services("v1.33.5", "11.0.0.0/8")).toEqual([
      "network.services: 11.0.0.0/8 is too large for the API server of Kubernetes 1.33, which would not start (take a /12 or smaller)",
    ]);
    expect([...services("v1.34.1", "11.0.0.0/8"), ...services("v1.33.5", "11.0.0.0/12")]).toEqual([]);
  });
});

test("loopback is refused wherever a machine would call it, by name as well", () => {
  const found = problems((site) => {
    site.network.endpoint = "127.0.0.1";
    site.network.ntp = ["127.0.0.1", "localhost", "::1"];
    site.network.proxy = { http: "http://127.0.0.1:3128", https: "http://[::1]:3128" };
  }, "home");
  expect(found.map((line) => line.slice(0, line.indexOf(" (")))).toEqual([
    "network.ntp[1]: localhost is each machine itself",
    "network.endpoint: 127.0.0.1 is a loopback address",
    "network.ntp[0]: 127.0.0.1 is a loopback address",
    "network.ntp[2]: ::1 is a loopback address",
    "network.proxy.http: 127.0.0.1 is a loopback address",
    "network.proxy.https: ::1 is a loopback address",
  ]);
});

test("machines on IPv6 need pods and services on IPv6", () => {
  expect(problems((site) => Object.assign(site.network, { cidr: "fd00:77::/64" }), "home")).toEqual(
    expect.arrayContaining([
      "network.pods: 10.244.0.0/16 is IPv4, and network.cidr is IPv6 (write an IPv6 network)",
      "network.services: 10.96.0.0/12 is IPv4, and network.cidr is IPv6 (write an IPv6 network)",
    ]),
  );
});

test("disks of the same kind, chosen by properties, are no duplicates; a registry may have a port", () => {
  const edit = (site: Raw) => {
    for (const key of ["cp-1", "cp-2"]) site.machines[key].disk = { selector: { model: "serial-ata*" } };
    site.talos.factory = "registry.local:5000";
  };
  expect(problems(edit)).toEqual([]);
});

test("all problems come at once, in the order of the file", () => {
  const found = problems((site) => {
    site.name = "Bad Name";
    site.network.vip = "127.77.0.11";
    site.talos.version = "v9.9.9";
    delete site.machines["cp-3"];
    site.machines["cp-2"].mac = "nonsense";
    site.unknown = true;
  });
  expect(found.map((line) => line.split(":")[0])).toEqual([
    "name",
    "network.vip",
    "talos.version",
    "machines.cp-2.mac",
    "machines",
    "unknown",
  ]);
});

test("a refusal is one sentence a problem and holds no stack trace", () => {
  const site = siteFile();
  delete site.machines["cp-3"];
  expect(() => parseSite(site, "stacks/Pulumi.lab.yaml")).toThrow(ProblemError);
  expect(() => parseSite(site, "stacks/Pulumi.lab.yaml")).toThrow(
    "stacks/Pulumi.lab.yaml has 1 problem; nothing was changed:\n  - machines: 2 control planes",
  );
});

test.each([null, undefined, 7, "text", [], [1]])("%j is refused and nothing is thrown", (raw) => {
  expect(checkSite(raw).problems.length).toBeGreaterThan(0);
});

test("any mutilated site file gives problems or a spec, never an exception", () => {
  const keysOf = (value: Raw): string[][] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, child]) => [[key], ...keysOf(child).map((path) => [key, ...path])])
      : [];
  const paths = keysOf(siteFile());
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      const site = siteFile();
      let parent = site;
      for (const key of path.slice(0, -1)) parent = parent[key];
      parent[path.at(-1) ?? ""] = value;
      const { spec, problems: found } = checkSite(site);
      expect(spec === undefined).toBe(found.length > 0);
      for (const problem of found) expect(problem.fix).not.toBe("");
    }),
    { numRuns: 500 },
  );
});

test("arguments that simulated machines deny are refused in the site file", () => {
  const go = readFileSync(path.join(ROOT, "lab/rig/internal/cluster/apiserver.go"), "utf8");
  const denied = [...(/denied := \[\]string\{([^}]*)\}/.exec(go)?.[1] ?? "").matchAll(/"([^"]+)"/g)].map(
    ([, name]) => name,
  );
  expect(denied.length).toBeGreaterThan(10);
  const found = problems((site) => {
    site.kubernetes.apiServer = { extraArgs: Object.fromEntries(denied.map((name) => [name, "x"])) };
  });
  expect(found.map((line) => line.split(":")[0])).toEqual(
    denied.map((name) => `kubernetes.apiServer.extraArgs.${name}`),
  );
});
