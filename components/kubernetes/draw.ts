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
const BOX = { height: 34, gap: 12, letter: 7.6, pad: 26 };
const LEFT = 132;

/** Height of {@link svgPhases} in pixels. */
export function phasesHeight(phases: readonly Phase[]): number {
  return phases.length * (ROW + GATE);
}

/**
 * The phases as SVG elements, one row a phase from top to bottom, below each the capabilities whose gate lets the next
 * one begin. They begin at `y` and are at most `width` wide as long as names are short.
 */
export function svgPhases(phases: readonly Phase[], y: number, width: number): readonly string[] {
  return phases.flatMap((phase, index) => {
    const top = y + index * (ROW + GATE);
    const needed = phases.slice(index + 1).flatMap(({ entry }) => entry);
    const handed = phase.exit.filter((capability) => needed.includes(capability));
    return [
      `<rect class="bar" x="24" y="${top}" width="${width - 48}" height="${ROW - 16}" rx="8"/>`,
      `<text x="38" y="${top + 35}" class="name">Phase ${index + 1}</text>`,
      ...boxes(phase.services, top + 13),
      ...(index < phases.length - 1 ? gate(handed, top + ROW - 16, width) : []),
    ];
  });
}

/** Least width that the boxes of every phase need. */
export function phasesWidth(phases: readonly Phase[]): number {
  return Math.max(...phases.map(({ services }) => LEFT + services.reduce((sum, name) => sum + span(name), 0) + 24));
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

/** Text as it may stand in SVG. */
export function xml(words: string): string {
  return words.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
