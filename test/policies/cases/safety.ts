import { LICENCE } from "../../../policies/look/licence";
import { lab, object, resource, stateOf, step, UNKNOWN } from "../drafts";
import type { Cases } from "../harness";
import { RELEASE, release, SERVICE } from "../objects";

const SECRETS = "talos:machine/secrets:Secrets";
const CLAIM = "kubernetes:core/v1:PersistentVolumeClaim";
const claim = (options: object = {}) => object(CLAIM, "data", { spec: {} }, options);
const exemption = (more: object) => ({
  rule: "image-tag-fixed",
  reason: "the vendor ships no version",
  until: "2026-12-31",
  ...more,
});
const settings = (...exemptions: object[]) => ({ exemptions, today: "2026-11-21" });
const backup = (value: unknown) =>
  release((draft) => {
    draft.inputs.backup = value;
  });
const store = { path: "/srv/backup" };
const gone = (count: number) =>
  Array.from({ length: count }, (_, place) =>
    step("delete", { ...SERVICE, urn: `${SERVICE.urn}-${place}` }, undefined),
  );
const many = (count: number) =>
  stateOf(Array.from({ length: count }, (_, place) => ({ ...SERVICE, urn: `${SERVICE.urn}-${place}` })));
const allowing = (allow: unknown) =>
  release((draft) => {
    draft.inputs.allow = allow;
  });
const windows = (maintenance: unknown) =>
  release((draft) => {
    draft.inputs.maintenance = maintenance;
  });
const packCase = (what: Record<string, unknown>): Pick<Cases, "rule" | "settings"> => ({
  rule: "pack-settings",
  settings: what,
});

const licence = (verdict: string, options: object = {}, notAfter = "2027-11-21T00:00:00Z") =>
  resource(LICENCE, "licence", {}, { outputs: { verdict, granted: { notAfter } }, ...options });

export const safetyCases: readonly Cases[] = [
  {
    ...packCase(settings(exemption({}), exemption({ until: "2026-11-21" }))),
    compliant: [[]],
    violating: [],
    irrelevant: [[SERVICE]],
    extras: [[lab(SECRETS), SERVICE]],
    unknown: [[[{ ...SERVICE, inputs: { metadata: UNKNOWN } }], "silent"]],
  },
  {
    ...packCase(
      settings(
        exemption({}),
        exemption({ until: "2026-11-20" }),
        exemption({ until: "soon" }),
        exemption({ until: "2020" }),
        exemption({ reason: "  because  " }),
      ),
    ),
    compliant: [],
    violating: [
      [
        [],
        /^exemptions\[1\]: the exemption from image-tag-fixed ended on 2026-11-20/,
        /^exemptions\[2\].until: "soon" is not a date/,
        /^exemptions\[3\].until: "2020"/,
        /^exemptions\[4\].reason: it does not say why/,
      ],
    ],
    irrelevant: [],
    extras: [],
    unknown: [],
  },
  {
    ...packCase({ exemptions: [exemption({ until: "2020-01-01" }), exemption({ until: "2999-01-01" })] }),
    compliant: [],
    violating: [[[], /ended on 2020-01-01/]],
    irrelevant: [],
    extras: [],
    unknown: [],
  },
  {
    rule: "data-protected",
    compliant: [claim({ protect: true })],
    violating: [[claim(), /^protect: it is not set/]],
    irrelevant: [SERVICE],
    extras: [claim({ protect: true, retainOnDelete: true })],
    unknown: [[{ ...claim({ protect: true }), inputs: { spec: UNKNOWN } }, "silent"]],
  },
  {
    rule: "data-kept",
    compliant: [stateOf([lab(SECRETS), claim({ protect: true }), claim({ retainOnDelete: true })])],
    violating: [[stateOf([claim()]), /^data: a destroy would delete it/]],
    irrelevant: [stateOf([SERVICE])],
    extras: [
      stateOf([claim({ protect: true, retainOnDelete: true }), SERVICE, resource("plinth:address:Pool", "vips", {})]),
    ],
    unknown: [[stateOf([{ ...claim({ protect: true }), inputs: { spec: UNKNOWN } }]), "silent"]],
  },
  {
    rule: "data-not-destroyed",
    compliant: [[step("update", claim(), claim())]],
    violating: [
      [[step("delete", claim(), undefined)], /^data: it would be deleted/],
      [[step("replace", claim({ protect: true }), claim())], /replaced/],
    ],
    irrelevant: [[step("delete", SERVICE, undefined)]],
    extras: [[step("delete", claim({ retainOnDelete: true }), undefined), step("create", undefined, claim())]],
    unknown: [[[step("replace", claim(), { ...claim(), inputs: { spec: UNKNOWN } })], /replaced/]],
  },
  {
    rule: "protection-kept",
    compliant: [
      [step("update", claim({ protect: true }), claim({ protect: true }))],
      [step("update", claim(), claim())],
    ],
    violating: [[[step("update", claim({ protect: true }), claim())], /^data: protect would be taken off/]],
    irrelevant: [[step("delete", claim({ protect: true }), undefined)], [step("create", undefined, claim())]],
    extras: [[step("update", claim(), claim({ protect: true })), step("same", SERVICE, SERVICE)]],
    unknown: [[[step("update", claim({ protect: true }), { ...claim(), inputs: { spec: UNKNOWN } })], /taken off/]],
  },
  {
    rule: "few-at-once",
    settings: { most: 2 },
    compliant: [gone(2)],
    violating: [[gone(3), /^: 3 resources would go, more than 2/]],
    irrelevant: [[step("update", SERVICE, SERVICE)]],
    extras: [[...gone(2), step("create", undefined, claim()), ...gone(2)]],
    unknown: [[[step("update", SERVICE, { ...SERVICE, inputs: { spec: UNKNOWN } })], "silent"]],
  },
  {
    rule: "state-small",
    settings: { resources: 3, bytes: 5000 },
    compliant: [many(3)],
    violating: [
      [many(4), /^: there are 4 resources, more than 3/],
      [
        stateOf([
          { ...SERVICE, inputs: { text: "x".repeat(5000) } },
          { ...SERVICE, inputs: { text: "ü".repeat(2490) } },
        ]),
        /^web: it has 50\d\d bytes, more than 5000/,
        /^web: /,
      ],
    ],
    irrelevant: [stateOf([])],
    extras: [stateOf([{ ...SERVICE, inputs: { text: "x".repeat(4900) } }])],
    unknown: [[stateOf([{ ...SERVICE, inputs: { spec: UNKNOWN } }]), "silent"]],
  },
  {
    rule: "nothing-pending",
    compliant: [stateOf([lab(SECRETS)], { pending_operations: [] })],
    violating: [
      [
        stateOf([], { pending_operations: [{ resource: lab(RELEASE), type: "updating" }] }),
        /^site-release: it is unfinished/,
      ],
    ],
    irrelevant: [stateOf([])],
    extras: [stateOf([lab(SECRETS), lab(RELEASE), SERVICE])],
    unknown: [[stateOf([{ ...SERVICE, inputs: { spec: UNKNOWN } }]), "silent"]],
  },
  {
    rule: "made-whole",
    compliant: [stateOf([lab(RELEASE)])],
    violating: [
      [
        stateOf([
          lab(RELEASE, (draft) => {
            draft.initErrors = ["cp-2 did not come back"];
          }),
        ]),
        /^site-release: its last create or update failed/,
      ],
    ],
    irrelevant: [stateOf([])],
    extras: [
      stateOf([
        lab(RELEASE, (draft) => {
          draft.initErrors = [];
        }),
        SERVICE,
      ]),
    ],
    unknown: [[stateOf([{ ...SERVICE, inputs: { spec: UNKNOWN } }]), "silent"]],
  },
  {
    rule: "backup-declared",
    compliant: [backup({ store, recipients: ["age1a", "age1b"] }), backup({ store, passphrase: true })],
    violating: [
      [release(), /^backup: there is none/],
      [backup({ store, recipients: ["age1a"] }), /^backup.recipients: 1 can open them/],
      [backup({ store }), /0 can open/],
    ],
    irrelevant: [SERVICE],
    extras: [backup({ store, recipients: ["age1a", "age1b", "age1c"], keep: 30 })],
    unknown: [[backup(UNKNOWN), "undecided"]],
  },
  {
    rule: "permissions-used-up",
    compliant: [release(), allowing([])],
    violating: [[allowing(["two-members"]), /^allow\[0\]: two-members is still allowed/]],
    irrelevant: [SERVICE],
    extras: [
      release((draft) => {
        draft.inputs.upgrade = { workersAtOnce: 2 };
      }),
    ],
    unknown: [[allowing(UNKNOWN), "undecided"]],
  },
  {
    rule: "maintenance-declared",
    compliant: [windows({ windows: [{ days: ["sat"], start: "02:00" }] })],
    violating: [
      [release(), /^maintenance.windows: there are none/],
      [windows({ windows: [] }), /none/],
      [windows({}), /none/],
    ],
    irrelevant: [SERVICE],
    extras: [windows({ windows: [{}, {}], hooks: [] })],
    unknown: [[windows(UNKNOWN), "undecided"]],
  },
  {
    rule: "licence-kept",
    compliant: [licence("valid", { protect: true })],
    violating: [[licence("valid"), /^protect: it is not set/]],
    irrelevant: [SERVICE],
    extras: [licence("expired", { protect: true, retainOnDelete: true })],
    unknown: [[licence("valid", { protect: true, inputs: { text: UNKNOWN } }), "silent"]],
  },
  {
    rule: "licence-good",
    settings: { days: 30, today: "2026-11-21" },
    compliant: [stateOf([licence("valid")])],
    violating: [
      [stateOf([licence("expired")]), /^licence: the last verdict is expired/],
      [stateOf([licence("grace")]), /^licence: the last verdict is grace/],
      [stateOf([licence("valid", {}, "2026-12-21T00:00:00Z")]), /^licence: it ends in 30 days/],
    ],
    irrelevant: [stateOf([SERVICE])],
    extras: [stateOf([licence("valid", {}, "2026-12-22T00:00:00Z"), SERVICE])],
    unknown: [[stateOf([licence("valid", { inputs: { text: UNKNOWN } })]), "silent"]],
  },
  {
    rule: "licence-good",
    settings: { days: 30 },
    compliant: [stateOf([licence("valid", {}, "2999-01-01T00:00:00Z")])],
    violating: [[stateOf([licence("valid", {}, "2020-01-01T00:00:00Z")]), /^licence: it ends in -\d+ days/]],
    irrelevant: [],
    extras: [],
    unknown: [],
  },
];
