import type { Area, Rule } from "../rule";

const AREAS: Readonly<Record<Area, string>> = {
  cluster: "Clusters",
  secrets: "Secrets",
  network: "Networks",
  "supply-chain": "Supply chain",
  kubernetes: "Kubernetes",
  ownership: "Ownership",
  safety: "Safety",
};

const KINDS: Readonly<Record<Rule["kind"], string>> = {
  resource: "each resource, in the engine and in `plinth check`",
  stack: "the stack as a whole, in the engine and in `plinth check`",
  change: "a preview's JSON, in `plinth check`",
  state: "an exported state, in `plinth check`",
  chart: "what a chart renders, in `plinth check`",
};

/** The rules' part of docs/policies.md. */
export function rulesPage(rules: readonly Rule[]): string {
  const areas = Object.entries(AREAS) as [Area, string][];
  return areas
    .map(([area, title]) =>
      section(
        title,
        rules.filter((rule) => rule.area === area),
      ),
    )
    .join("\n");
}

function section(title: string, rules: readonly Rule[]): string {
  return [`## ${title}`, "", ...[...rules].sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap(entry)].join("\n");
}

function entry(rule: Rule): readonly string[] {
  const { minimal, standard, production } = rule.levels;
  const settings = Object.entries(rule.settings ?? {}).map(
    ([name, { description, default: value }]) =>
      `- \`${name}\`: ${description}. Default: \`${JSON.stringify(value)}\`.`,
  );
  return [
    `### ${rule.name}`,
    "",
    rule.sentence,
    "",
    `- Looks at ${KINDS[rule.kind]}.`,
    `- Severity ${rule.severity}; minimal ${minimal}, standard ${standard}, production ${production}.`,
    `- Prevents: ${rule.prevents}`,
    `- To do: ${rule.fix}`,
    ...(rule.kind === "change" ? [`- plinth's provider refuses of it: ${rule.provider}`] : []),
    ...settings,
    "",
  ];
}
