import { xml } from "../svg";
import type { Phase } from "./phase";

/** The phases as Mermaid source: one box a phase, an arrow for every capability that one hands to another. */
export function mermaidPhases(phases: readonly Phase[]): string {
  const lines = phases.flatMap((phase, index) => [
    `  subgraph phase${index + 1}["Phase ${index + 1}"]`,
    ...phase.services.map((service) => `    ${id(service)}["${text(service)}"]`),
    "  end",
  ]);
  const arrows = phases.flatMap(({ exit }, from) =>
    phases.flatMap(({ entry }, to) => {
      const handed = exit.filter((capability) => entry.includes(capability));
      return handed.length === 0 ? [] : [`  phase${from + 1} -- "${text(handed.join(", "))}" --> phase${to + 1}`];
    }),
  );
  return ["flowchart TB", ...lines, ...arrows, ""].join("\n");
}

/** Mermaid ids are words; two services never share one, for names are lower-case letters, digits and hyphens. */
function id(service: string): string {
  return `s_${service.replace(/[^a-z0-9]/g, "_")}`;
}

function text(words: string): string {
  return words.replace(/"/g, "#quot;");
}

const ROW = 76;
const GATE = 30;
const TOP = 52;
const BOX = { height: 34, gap: 12, letter: 7.6, pad: 26 };
const LEFT = 132;

/**
 * The phases as SVG, one row a phase from top to bottom, below each the capabilities whose gate lets the next ones
 * begin. The same phases give the same bytes. Colours follow the reader's light or dark theme.
 */
export function drawPhases(title: string, phases: readonly Phase[]): string {
  const width = Math.max(560, ...phases.map(({ services }) => LEFT + sum(services.map(span)) + 24));
  const height = TOP + Math.max(0, phases.length * (ROW - 16 + GATE + 16) - GATE - 16) + 24;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img">`,
    `<title>${xml(title)}</title>`,
    STYLE,
    `<text x="24" y="30" class="title">${xml(title)}</text>`,
    ...phases.flatMap((phase, index) => drawPhase(phase, phases.slice(index + 1), index, width)),
    "</svg>",
    "",
  ].join("\n");
}

const STYLE = `<style>
  text { fill: #1f2933 } .quiet { fill: #616e7c } .title { font-size: 18px; font-weight: 600 } .name { font-weight: 600 }
  .wire { stroke: #9aa5b1; fill: none } .service { fill: #dbeafe; stroke: #2563eb } .bar { fill: #f1f5f9; stroke: #9aa5b1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb } .quiet { fill: #9aa5b1 } .service { fill: #1e3a8a } .bar { fill: #323f4b }
  }
</style>`;

function drawPhase(phase: Phase, later: readonly Phase[], index: number, width: number): readonly string[] {
  const top = TOP + index * (ROW + GATE);
  const handed = phase.exit.filter((capability) => later.some(({ entry }) => entry.includes(capability)));
  return [
    `<rect class="bar" x="24" y="${top}" width="${width - 48}" height="${ROW - 16}" rx="8"/>`,
    `<text x="38" y="${top + 35}" class="name">Phase ${index + 1}</text>`,
    ...boxes(phase.services, top + 13),
    ...(later.length > 0 ? gate(handed, top + ROW - 16, width) : []),
  ];
}

function boxes(services: readonly string[], y: number): readonly string[] {
  let x = LEFT;
  return services.flatMap((service) => {
    const left = x;
    x += span(service);
    return [
      `<rect class="service" x="${left}" y="${y}" width="${span(service) - BOX.gap}" height="${BOX.height}" rx="6"/>`,
      `<text x="${left + BOX.pad / 2}" y="${y + 22}">${xml(service)}</text>`,
    ];
  });
}

function gate(handed: readonly string[], y: number, width: number): readonly string[] {
  const middle = width / 2;
  return [
    `<path class="wire" d="M${middle} ${y} V${y + 16 + GATE}"/>`,
    `<text x="${middle + 12}" y="${y + 28}" class="quiet">${xml(handed.length > 0 ? `gate: ${handed.join(", ")}` : "")}</text>`,
  ];
}

function span(name: string): number {
  return Math.ceil(name.length * BOX.letter) + BOX.pad + BOX.gap;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
