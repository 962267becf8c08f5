/** Reads what talosctl prints. Pure. */
import { documents } from "../talos/yaml";
import type { ApiServerConfig, EtcdMember, EtcdStatus, TalosFailure, TalosService } from "./talos";

/** Server's tag in the output of `version`. */
export function parseVersion(text: string): string | undefined {
  const server = text.slice(text.indexOf("Server:"));
  return /^\s*Tag:\s+(v\S+)/m.exec(server)?.[1];
}

/** Rows of a table whose columns are at least two spaces apart, by heading. */
function parseTable(text: string): readonly { readonly [heading: string]: string }[] {
  const [head, ...rows] = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("WARNING"));
  if (head === undefined) return [];
  // A column starts where its heading does: values may be empty and may hold single spaces.
  const starts = [...head.matchAll(/\S+(?: \S+)*/g)].map((match) => ({ heading: match[0], at: match.index }));
  return rows.map((row) =>
    Object.fromEntries(
      starts.map(({ heading, at }, column) => [heading, row.slice(at, starts[column + 1]?.at).trim()] as const),
    ),
  );
}

export function parseEtcdMembers(text: string): readonly EtcdMember[] {
  return parseTable(text).map((row) => ({
    id: row.ID ?? "",
    hostname: row.HOSTNAME ?? "",
    peerUrls: (row["PEER URLS"] ?? "").split(",").filter((url) => url !== ""),
    learner: row.LEARNER === "true",
  }));
}

export function parseEtcdStatus(text: string): EtcdStatus | undefined {
  const [row] = parseTable(text);
  if (row?.MEMBER === undefined) return undefined;
  const bytes = parseBytes(row["DB SIZE"] ?? "");
  return {
    ...(bytes !== undefined && { bytes }),
    member: row.MEMBER,
    leader: row.LEADER ?? "",
    learner: row.LEARNER === "true",
    errors: (row.ERRORS ?? "").split(", ").filter((error) => error !== ""),
  };
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A size for people, as `20 MB`. */
function parseBytes(text: string): number | undefined {
  const [, digits, unit = ""] = /^([\d.]+) (\w+)$/.exec(text) ?? [];
  const power = UNITS.indexOf(unit);
  return digits === undefined || power < 0 ? undefined : Number(digits) * 1000 ** power;
}

export function parseEtcdAlarms(text: string): readonly string[] {
  return parseTable(text)
    .map((row) => row.ALARM ?? "")
    .filter((alarm) => alarm !== "" && alarm !== "NONE");
}

/** `STATE` line of `service etcd`. */
export function parseServiceState(text: string): string | undefined {
  return /^STATE\s+(\S+)/m.exec(text)?.[1];
}

export function parseServices(text: string): readonly TalosService[] {
  return parseTable(text).map((row) => ({
    id: row.SERVICE ?? "",
    state: row.STATE ?? "",
    healthy: row.HEALTH === "OK" ? true : row.HEALTH === "Fail" ? false : undefined,
  }));
}

/** What a line of `upgrade-k8s` says about its progress; `undefined` for a line that holds content. */
export function kubernetesProgress(line: string): string | undefined {
  return /^(?:automatically detected|discovered|updating|waiting for|checking for) [^{}]{1,160}$|^ [<>] "[^{}]{1,160}$/.test(
    line,
  )
    ? line.trim()
    : undefined;
}

/** Version of the pseudo extension named `schematic`. */
export function parseSchematic(yaml: string): string | undefined {
  const extensions = documents(yaml) as readonly (ExtensionStatus | null)[];
  return extensions.find((extension) => extension?.spec?.metadata?.name === "schematic")?.spec?.metadata?.version;
}

interface ExtensionStatus {
  readonly spec?: { readonly metadata?: { readonly name?: string; readonly version?: string } };
}

/**
 * What the API server's pod is rendered from. From Talos 1.14 there are two of them, and the pod follows the one whose
 * name says that it is final. It holds arguments and environment: nothing else of it may be passed on.
 */
export function parseApiServerConfig(yaml: string): ApiServerConfig | undefined {
  const found = (documents(yaml) as readonly (RenderedConfig | null)[]).filter((each) => each?.metadata !== undefined);
  const config = found.find((each) => each?.metadata?.id?.startsWith("final-")) ?? found[0];
  if (config?.metadata?.version === undefined) return undefined;
  const port = config.spec?.localPort;
  return { version: String(config.metadata.version), ...(typeof port === "number" && { port }) };
}

interface RenderedConfig {
  readonly metadata?: { readonly id?: string; readonly version?: string | number };
  readonly spec?: { readonly localPort?: unknown };
}

/** Texts of gRPC codes and of TLS, most specific first. */
const FAILURES: readonly (readonly [RegExp, TalosFailure])[] = [
  [/tls: expired certificate|certificate has expired or is not yet valid/i, "expired"],
  [/signed by unknown authority|certificate required|unknown certificate authority|bad certificate/i, "foreign"],
  [/tls: failed to verify certificate|certificate is (?:not )?valid|x509:/i, "foreign"],
  [/code = PermissionDenied|not authorized/i, "denied"],
  [/code = AlreadyExists/i, "exists"],
  // A machine that just took its configuration answers before its resources are there.
  [/code = FailedPrecondition|resource \S+ doesn't exist/i, "not-ready"],
  [/code = InvalidArgument/i, "invalid"],
  [/code = Unimplemented|is not registered|code = NotFound/i, "unsupported"],
  [
    /code = Unavailable|connection refused|i\/o timeout|no route to host|deadline exceeded|EOF|connection reset/i,
    "unreachable",
  ],
];

export function classify(stderr: string): TalosFailure {
  return FAILURES.find(([pattern]) => pattern.test(stderr))?.[1] ?? "other";
}

/** What an error says, in one line: gRPC's wrapping and the usage text left out, several errors joined. */
export function errorSentence(stderr: string): string {
  const several = [...stderr.matchAll(/^\s*\* (.+)$/gm)].flatMap((match) => match[1] ?? []);
  const lines = stderr.trim().split("\n");
  const first = lines.find((text) => /error|fail|rpc/i.test(text)) ?? lines[0] ?? "";
  const said = several.length > 0 ? several : [first];
  return [...new Set(said.map(plain))].join("; ");
}

/** Without gRPC's frame, and without Go's guesses about certificates. */
function plain(line: string): string {
  const framed = /desc = "/.test(line);
  return line
    .replace(/^.*desc = "?/, "")
    .replace(/ \(possibly because of .*$/, "")
    .replace(framed ? /"$/ : /$^/, "")
    .trim();
}
