/** The site file's part about snapshots, and every way to get it wrong. */
import { formatProblem } from "../../components/problem";
import { checkSite } from "../../components/site/parse";
import { siteFile } from "../support/site";

const KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

function problems(backup: unknown, env = "home"): string[] {
  return checkSite({ ...siteFile(env), backup }).problems.map(formatProblem);
}

test.each([
  { store: { path: "/srv/backup" }, recipients: [KEY] },
  { store: { s3: { bucket: "backups" } }, recipients: [KEY, KEY.replace("ql3", "ql4")], keep: 1 },
  {
    store: { s3: { bucket: "backups", endpoint: "https://s3.example.org:9000", prefix: "a/b", region: "eu-1" } },
    recipients: [KEY],
  },
])("%j is sound", (backup) => expect(problems(backup)).toEqual([]));

test("what is left out is filled in", () => {
  const { spec } = checkSite({ ...siteFile("home"), backup: { store: { path: "/srv" }, recipients: [KEY] } });
  expect(spec?.backup).toEqual({ store: { path: "/srv" }, recipients: [KEY], keep: 10 });
});

test("a private key is refused and never repeated", () => {
  const secret = `AGE-SECRET-KEY-1${"Q".repeat(58)}`;
  const found = problems({ store: { path: "/srv" }, recipients: [secret] });
  expect(found).toEqual([expect.stringMatching(/^backup\.recipients\[0\]: this is a private key/)]);
  expect(found.join()).not.toContain("QQQQ");
});

/** Each bad part and the whole list of what it must report. */
const BAD: readonly [string, unknown, string[]][] = [
  [
    "without a place or a key",
    {},
    [
      "backup.store: is missing (write one of {path: /folder} or {s3: {bucket: …, endpoint: …}})",
      expect.stringMatching(/^backup\.recipients: nobody could open a snapshot/),
    ],
  ],
  [
    "with two places",
    { store: { path: "/srv", s3: { bucket: "backups" } }, recipients: [KEY] },
    [expect.stringMatching(/^backup\.store/)],
  ],
  [
    "with a path from nowhere",
    { store: { path: "backup" }, recipients: [KEY] },
    ['backup.store.path: "backup" is not an absolute path (write it from the root, as in /srv/backup/plinth)'],
  ],
  [
    "with keys that are none",
    { store: { path: "/srv" }, recipients: ["ssh-ed25519 AAAA", 7] },
    [
      'backup.recipients[0]: "ssh-ed25519 AAAA" is not an age public key (write what age-keygen prints as public key, age1…)',
      'backup.recipients[1]: 7 is not a string (write a string: put it in quotes, "7")',
    ],
  ],
  [
    "with a passphrase for real machines, beside a key",
    { store: { path: "/srv" }, recipients: [KEY], passphrase: true },
    [
      expect.stringMatching(/^backup\.passphrase: a passphrase is for provider: lab alone/),
      expect.stringMatching(/^backup\.recipients: stand beside/),
    ],
  ],
  [
    "with credentials in the URL",
    { store: { s3: { bucket: "backups", endpoint: "https://key:secret@s3.example.org" } }, recipients: [KEY] },
    [expect.stringMatching(/^backup\.store\.s3\.endpoint: the URL holds a user or a password \(leave both out/)],
  ],
  [
    "with a bucket in the URL",
    { store: { s3: { bucket: "Backups", endpoint: "https://s3.example.org/backups" } }, recipients: [KEY] },
    [
      expect.stringMatching(
        /^backup\.store\.s3\.endpoint: .* goes on after the host \(write https:\/\/s3\.example\.org;/,
      ),
      expect.stringMatching(/^backup\.store\.s3\.bucket: "Backups" is not the name of a bucket/),
    ],
  ],
  ...[
    "http://10.0.1.10:9000",
    "http://10.0.3.1",
    "http://10.96.3.4",
    "http://controller-0",
    "http://minio.minio.svc",
  ].map((endpoint): [string, unknown, string[]] => [
    `inside the cluster, at ${endpoint}`,
    { store: { s3: { bucket: "backups", endpoint } }, recipients: [KEY] },
    [expect.stringMatching(/^backup\.store\.s3\.endpoint: .*: the snapshots would be lost together with the cluster/)],
  ]),
  [
    "that keeps nothing",
    { store: { path: "/srv" }, recipients: [KEY], keep: 0 },
    [expect.stringMatching(/^backup\.keep/)],
  ],
];

test.each(BAD)("%s", (_, backup, expected) => expect(problems(backup)).toEqual(expected));

test("the lab may use a passphrase", () => {
  expect(problems({ store: { path: "/srv" }, passphrase: true }, "lab")).toEqual([]);
});
