/** Between verdicts and the engine's messages. */
import * as pb from "@pulumi/pulumi/proto/analyzer_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { explain, type Judgement, type Undecided } from "../judge";
import type { Level, Rule, Severity } from "../rule";
import { PACK_RULE } from "../settings";

/** What the pack is called. */
export interface PackIdentity {
  readonly name: string;
  readonly version: string;
  readonly description: string;
}

const LEVELS = {
  advisory: pb.EnforcementLevel.ADVISORY,
  mandatory: pb.EnforcementLevel.MANDATORY,
  disabled: pb.EnforcementLevel.DISABLED,
} as const;

const SEVERITIES: Readonly<Record<Severity, number>> = {
  low: pb.PolicySeverity.POLICY_SEVERITY_LOW,
  medium: pb.PolicySeverity.POLICY_SEVERITY_MEDIUM,
  high: pb.PolicySeverity.POLICY_SEVERITY_HIGH,
  critical: pb.PolicySeverity.POLICY_SEVERITY_CRITICAL,
};

export function levelName(level: number): string {
  return Object.entries(LEVELS).find(([, value]) => value === level)?.[0] ?? "remediate";
}

/** The rules that the engine runs, each with its settings' schema. */
export function analyzerInfo(identity: PackIdentity, rules: readonly Rule[]): pb.AnalyzerInfo {
  const info = new pb.AnalyzerInfo();
  info.setName(identity.name);
  info.setVersion(identity.version);
  info.setDescription(identity.description);
  info.setSupportsconfig(true);
  info.setPoliciesList(rules.filter(({ kind }) => kind === "resource" || kind === "stack").map(policyInfo));
  return info;
}

function policyInfo(rule: Rule): pb.PolicyInfo {
  const info = new pb.PolicyInfo();
  info.setName(rule.name);
  info.setDescription(rule.sentence);
  info.setRemediationSteps(rule.fix);
  info.setTagsList([rule.area]);
  info.setSeverity(SEVERITIES[rule.severity]);
  info.setPolicyType(rule.kind === "stack" ? pb.PolicyType.POLICY_TYPE_STACK : pb.PolicyType.POLICY_TYPE_RESOURCE);
  info.setEnforcementlevel(LEVELS[rule.levels.standard]);
  if (rule.settings !== undefined) {
    const schema = new pb.PolicyConfigSchema();
    // Its default goes along, so that the engine fills in what a configuration leaves out.
    schema.setProperties(Struct.fromJavaScript(JSON.parse(JSON.stringify(rule.settings))));
    info.setConfigschema(schema);
  }
  return info;
}

export function analyzeResponse(identity: PackIdentity, { verdicts, undecided }: Judgement): pb.AnalyzeResponse {
  const response = new pb.AnalyzeResponse();
  const diagnostic = (
    rule: Pick<Rule, "name" | "sentence" | "severity">,
    level: Level,
    message: string,
    urn?: string,
  ) => {
    const made = new pb.AnalyzeDiagnostic();
    made.setPolicyname(rule.name);
    made.setPolicypackname(identity.name);
    made.setPolicypackversion(identity.version);
    made.setDescription(rule.sentence);
    made.setMessage(message);
    made.setEnforcementlevel(LEVELS[level]);
    made.setSeverity(SEVERITIES[rule.severity]);
    if (urn !== undefined) made.setUrn(urn);
    return made;
  };
  // In one line: a first preview knows little, and a list of it would be as long as the stack.
  const waiting = (all: readonly Undecided[]) => {
    const names = [...new Set(all.map(({ rule }) => rule.name))];
    if (names.length === 0) return [];
    const message = `${names.length} rules cannot be decided before the update, they wait for values that are not known yet: ${names.join(", ")}`;
    return [diagnostic({ name: PACK_RULE, sentence: "", severity: "low" }, "advisory", message)];
  };
  response.setDiagnosticsList([
    ...verdicts
      .filter(({ exemption }) => exemption === undefined)
      .map((verdict) => diagnostic(verdict.rule, verdict.level, explain(verdict), verdict.urn)),
    ...waiting(undecided),
  ]);
  return response;
}
