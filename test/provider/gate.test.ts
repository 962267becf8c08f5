import fc from "fast-check";
import type { ClusterReleaseInputs } from "../../components/talos/ClusterRelease";
import { etcdProblem } from "../../provider/talos/gate";
import { leaderOf, plan } from "../../provider/talos/plan";

const declared = new Map([
  ["cp-1", "10.0.0.1"],
  ["cp-2", "10.0.0.2"],
  ["cp-3", "10.0.0.3"],
]);
const member = (place: number, more = {}) => ({
  id: `${place}f`,
  hosts: [`10.0.0.${place}`],
  hostname: `cp-${place}`,
  learner: false,
  ...more,
});
const members = [member(1), member(2), member(3)];
const status = (more = {}) => ({ member: "a", leader: "a", learner: false, errors: [], ...more });
const statuses = new Map([...declared.keys()].map((key) => [key, status()]));

test("etcd that is whole has no problem", () => {
  expect(etcdProblem(declared, members, statuses, [])).toBeUndefined();
});

test("an IPv6 address is the same however it is written", () => {
  const plane = new Map([["cp-1", "FD00:0:0:0::1"]]);
  const own = [{ id: "1f", hosts: ["fd00::1"], hostname: "cp-1", learner: false }];
  expect(etcdProblem(plane, own, new Map([["cp-1", status()]]), [])).toBeUndefined();
});

test.each([
  ["two members", members.slice(0, 2), statuses, [], /two members/],
  [
    "a member that nobody declared",
    [...members, member(9, { hostname: "old" })],
    statuses,
    [],
    /^old is a member but no declared control plane; .*talosctl etcd remove-member 9f$/,
  ],
  ["a ghost without a name", [...members, member(9, { hostname: "" })], statuses, [], /^10.0.0.9 is a member/],
  ["a declared one that is missing", [member(1), member(2), member(1)], statuses, [], /^cp-3 is not a member/],
  ["a learner", [member(1), member(2), member(3, { learner: true })], statuses, [], /^cp-3 is still learning/],
  ["an alarm", members, statuses, ["NOSPACE"], /^alarm NOSPACE; .*etcd defrag/],
  [
    "an error of one member",
    members,
    new Map([...statuses, ["cp-2", status({ errors: ["corrupt"] })]]),
    [],
    /^cp-2: corrupt/,
  ],
  ["no leader", members, new Map([...statuses, ["cp-2", status({ leader: "0000" })]]), [], /^cp-2 sees no leader/],
  ["two leaders", members, new Map([...statuses, ["cp-2", status({ leader: "b" })]]), [], /do not agree/],
])("etcd with %s is named", (_, those, seen, alarms, message) => {
  expect(etcdProblem(declared, those, seen, alarms)).toMatch(message);
});

test("the leader is found by what the members say of themselves", () => {
  expect(
    leaderOf(
      new Map([
        ["cp-1", status({ member: "b" })],
        ["cp-2", status({ member: "a" })],
      ]),
    ),
  ).toBe("cp-2");
  expect(leaderOf(new Map([["cp-1", status({ leader: "0" })]]))).toBeUndefined();
});

test("a plan changes each due node once, control planes before workers, the leader last of them", () => {
  const node = fc.record({
    worker: fc.boolean(),
    due: fc.boolean(),
    domain: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(node, { minLength: 1, maxLength: 12 }), fc.nat(11), (drawn, leads) => {
      const nodes = Object.fromEntries(
        drawn.map(({ worker, domain }, place) => [
          `n-${place}`,
          {
            type: worker ? ("worker" as const) : ("controlplane" as const),
            address: `10.0.0.${place}`,
            hostname: `n-${place}`,
            talos: "v1.13.0",
            kubernetes: "v1.36.3",
            patches: [],
            ...(domain !== undefined && { failureDomain: domain }),
          },
        ]),
      );
      const inputs: ClusterReleaseInputs = {
        clusterName: "demo",
        clientConfiguration: { caCertificate: "", clientCertificate: "", clientKey: "" },
        kubeconfig: "x",
        configuration: { controlplane: "a", worker: "b" },
        nodes,
      };
      const all = plan(inputs, {}, undefined).waves.flatMap(({ keys }) => keys);
      expect([...all].sort()).toEqual(Object.keys(nodes).sort());

      const leader = `n-${leads}`;
      const { waves } = plan(inputs, {}, leader);
      for (const { type, keys } of waves) for (const key of keys) expect(nodes[key]?.type).toBe(type);
      expect(waves.map(({ type }) => type)).toEqual(
        ["controlplane", "worker"].filter((type) => Object.values(nodes).some((each) => each.type === type)),
      );
      const planes = waves.find(({ type }) => type === "controlplane")?.keys ?? [];
      if (planes.includes(leader)) expect(planes.at(-1)).toBe(leader);
      const domains = (waves.find(({ type }) => type === "worker")?.keys ?? []).map(
        (key) => nodes[key]?.failureDomain ?? key,
      );
      expect(domains.filter((each, place) => each !== domains[place - 1])).toEqual([...new Set(domains)]);
    }),
  );
});
