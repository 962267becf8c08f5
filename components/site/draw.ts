import { xml } from "../svg";
import type { NodePlan, SitePlan } from "./plan";
import { addressText, endpointText } from "./pools";

/**
 * A picture of a site as SVG: the API address over the control planes, every machine in its failure domain, the network
 * below. The same plan gives the same bytes. Colours follow the reader's light or dark theme.
 */
export function drawSite(plan: SitePlan): string {
  const domains = byDomain(plan.nodes);
  const rows = Math.max(...domains.map(({ nodes }) => nodes.length));
  const width = Math.max(MARGIN * 2 + domains.length * (BOX.width + GAP) - GAP + 2 * PAD, 560);
  const left = (width - domains.length * (BOX.width + GAP) + GAP) / 2;
  const bottom = TOP + HEADER + rows * (BOX.height + GAP);
  const height = bottom + 84;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img">`,
    `<title>${xml(`Site ${plan.name}: ${plan.nodes.length} machines`)}</title>`,
    STYLE,
    `<text x="${MARGIN}" y="28" class="title">${xml(plan.name)}</text>`,
    `<text x="${width - MARGIN}" y="28" text-anchor="end" class="quiet">Talos ${xml(plan.talos.version)} · Kubernetes ${xml(plan.kubernetes.version)}</text>`,
    ...drawEndpoint(plan, domains, left, width),
    ...domains.flatMap((domain, index) => drawDomain(domain, left + index * (BOX.width + GAP), rows)),
    ...drawNetwork(plan, width, bottom),
    "</svg>",
    "",
  ].join("\n");
}

const MARGIN = 24;
const PAD = 8;
const GAP = 24;
const TOP = 128;
const HEADER = 26;
const BOX = { width: 168, height: 64 };

const STYLE = `<style>
  text { fill: #1f2933 } .quiet { fill: #616e7c } .title { font-size: 18px; font-weight: 600 } .name { font-weight: 600 }
  .domain { fill: none; stroke: #9aa5b1; stroke-dasharray: 4 4 } .wire { stroke: #9aa5b1; fill: none }
  .controlplane { fill: #dbeafe; stroke: #2563eb } .worker { fill: #dcfce7; stroke: #16a34a } .bar { fill: #f1f5f9; stroke: #9aa5b1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb } .quiet { fill: #9aa5b1 }
    .controlplane { fill: #1e3a8a } .worker { fill: #14532d } .bar { fill: #323f4b }
  }
</style>`;

interface Domain {
  readonly name: string;
  readonly nodes: readonly NodePlan[];
}

function byDomain(nodes: readonly NodePlan[]): Domain[] {
  const domains = new Map<string, NodePlan[]>();
  for (const node of nodes) {
    const name = node.failureDomain ?? node.key;
    domains.set(name, [...(domains.get(name) ?? []), node]);
  }
  return [...domains].map(([name, members]) => ({ name, nodes: members }));
}

function drawEndpoint(plan: SitePlan, domains: readonly Domain[], left: number, width: number): string[] {
  const middle = width / 2;
  const wires = domains.flatMap((domain, index) => {
    if (!domain.nodes.some((node) => node.type === "controlplane")) return [];
    const x = left + index * (BOX.width + GAP) + BOX.width / 2;
    return [`<path class="wire" d="M${middle} 88 V106 H${x} V${TOP}"/>`];
  });
  const kind = plan.endpoint.vip ? "shared address of the control planes" : "the control plane's own address";
  return [
    ...wires,
    `<rect class="bar" x="${middle - 180}" y="48" width="360" height="40" rx="8"/>`,
    `<text x="${middle}" y="65" text-anchor="middle" class="name">Kubernetes API ${xml(endpointText(plan.endpoint))}</text>`,
    `<text x="${middle}" y="81" text-anchor="middle" class="quiet">${kind}</text>`,
  ];
}

function drawDomain(domain: Domain, x: number, rows: number): string[] {
  const height = HEADER + rows * (BOX.height + GAP) - GAP + PAD;
  return [
    `<rect class="domain" x="${x - PAD}" y="${TOP}" width="${BOX.width + 2 * PAD}" height="${height}" rx="10"/>`,
    `<text x="${x}" y="${TOP + 17}" class="quiet">${xml(domain.name)}</text>`,
    ...domain.nodes.flatMap((node, index) => drawNode(node, x, TOP + HEADER + index * (BOX.height + GAP))),
  ];
}

function drawNode(node: NodePlan, x: number, y: number): string[] {
  return [
    `<rect class="${node.type}" x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>`,
    `<text x="${x + 10}" y="${y + 22}" class="name">${xml(node.hostname)}</text>`,
    `<text x="${x + 10}" y="${y + 39}">${xml(addressText(node.address))}</text>`,
    `<text x="${x + 10}" y="${y + 55}" class="quiet">${node.type === "controlplane" ? "control plane" : "worker"} · ${node.arch}</text>`,
  ];
}

function drawNetwork(plan: SitePlan, width: number, y: number): string[] {
  const { cidr, gateway, pods, services } = plan.network;
  const way = gateway === undefined ? "no gateway" : `gateway ${gateway}`;
  return [
    `<rect class="bar" x="${MARGIN}" y="${y + 12}" width="${width - 2 * MARGIN}" height="48" rx="8"/>`,
    `<text x="${MARGIN + 14}" y="${y + 32}" class="name">${xml(cidr)}</text>`,
    `<text x="${MARGIN + 14}" y="${y + 50}" class="quiet">${xml(`${way} · pods ${pods} · services ${services}`)}</text>`,
  ];
}
