import type { Tools } from "../build/tools";
import type { ChartOrigin } from "../charts/charts";
import type { LabStatus } from "./status";

/** What runs, what is real, what is simulated, and where to look: the end of `lab up`, and `lab status`. */
export function summary(status: LabStatus): string {
  if (status.network === undefined)
    return `There is no lab instance ${status.instance}. Make it with: ${command(status, "up")}`;
  const head = `lab instance ${status.instance} on ${status.network}`;
  if (!status.running) {
    return `${head} is not running; its state is kept in ${status.folder}.\nStart it with: ${command(status, "up")}`;
  }
  const sections = [
    `${head}, ${status.memoryMiB} MiB of memory`,
    table(machineRows(status)),
    clusterLines(status).join("\n"),
    ...(status.ingredients === undefined ? [] : [ingredientLines(status).join("\n")]),
    ["Look around:", ...looks(status).map((look) => `  ${look}`)].join("\n"),
  ];
  return sections.filter((section) => section !== "").join("\n\n");
}

function machineRows({ machines, nodes }: LabStatus): string[][] {
  const rows = machines.map((machine) => {
    const node = nodes?.find(({ name }) => name === machine.hostname);
    const state = machine.power === "off" ? "off" : machine.stage;
    const ready = node === undefined ? "-" : node.ready ? "Ready" : "NotReady";
    const faults = (machine.faults ?? []).join(", ");
    return [
      machine.name,
      machine.type || "-",
      machine.address,
      machine.talos,
      node?.version ?? "-",
      state,
      ready,
      faults,
    ];
  });
  return [
    ["machine", "role", "address", "talos", "kubernetes", "state", "node", rows.some((row) => row[7]) ? "faults" : ""],
    ...rows,
  ];
}

function clusterLines({ clusters, nodes }: LabStatus): string[] {
  return clusters.map((cluster) => {
    if (!cluster.quorum) return `cluster ${cluster.name}: etcd has no quorum, so there is no Kubernetes API`;
    const ready =
      nodes === undefined ? "" : `, ${nodes.filter((node) => node.ready).length} of ${nodes.length} nodes Ready`;
    return `cluster ${cluster.name}: ${cluster.endpoint}, ${(cluster.apiservers ?? []).length} API servers${ready}`;
  });
}

function ingredientLines({ ingredients, machines, clusters, unimplemented, netbox }: LabStatus): string[] {
  if (ingredients === undefined) return [];
  const { tools, plugins, charts = [] } = ingredients;
  const official = plugins
    .filter(({ kind }) => kind === "official")
    .map(({ name, version }) => `plugin ${name} v${version}`);
  const standins = plugins.filter(({ kind }) => kind === "stand-in").map(({ name, version }) => `${name} v${version}`);
  const real = [
    "pulumi",
    "talosctl",
    "etcd",
    "etcdutl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
  ];
  const calls = unimplemented.map(({ method, count }) => `${method} (${count})`);
  return [
    `real:          ${[...real.map((name) => toolText(tools, name)), ...official].join(", ")}`,
    `simulated:     ${machines.length} Talos machines (rig; their etcd members and the rules for their configurations are real), pods (${toolText(tools, "kwok")})${netbox === undefined ? "" : `, NetBox (${netbox})`}`,
    `stood in for:  ${standins.length === 0 ? "nothing" : `${standins.join(", ")} (install the official plugins and they are used)`}`,
    ...chartLines(charts),
    ...controllerLines(clusters),
    `unimplemented: ${calls.length === 0 ? "nothing that was asked for" : calls.join(", ")}`,
  ];
}

function chartLines(charts: readonly ChartOrigin[]): string[] {
  const origins = [
    ["yours", "yours"],
    ["module", "real, out of Go modules"],
    ["stand-in", "stood in for"],
  ] as const;
  const groups = origins.flatMap(([from, words]) => {
    const names = charts.filter((chart) => chart.from === from).map(({ name, version }) => `${name} ${version}`);
    return names.length === 0 ? [] : [`${words}: ${names.join(", ")}`];
  });
  return groups.length === 0 ? [] : [`charts:        ${groups.join("; ")}`];
}

/** The programs that do in pods what others wait for. */
function controllerLines(clusters: LabStatus["clusters"]): string[] {
  const lines = clusters.flatMap(({ controllers }) =>
    controllers.map(({ name, does, pods, ready, fault }) => {
      const broken = fault === undefined ? "" : `; broken: ${fault}`;
      return `  ${name} (${ready} of ${pods} pods ready${broken}): ${does}`;
    }),
  );
  return lines.length === 0 ? [] : ["controllers:   simulated, with the rights of their service accounts", ...lines];
}

function toolText(tools: Tools, name: string): string {
  const tool = tools[name];
  return tool === undefined ? name : `${name} ${tool.version}${tool.origin === "found" ? ` (${tool.path})` : ""}`;
}

function looks(status: LabStatus): string[] {
  const address = status.machines[0]?.address ?? "";
  return [
    command(status, "kubectl get nodes -o wide"),
    command(status, `talosctl -n ${address} get members`),
    command(status, `fault ${status.machines.at(-1)?.name ?? "MACHINE"} off`),
  ];
}

/** A lab command line as the user types it. */
export function command(status: Pick<LabStatus, "instance">, words: string): string {
  const option = status.instance === "lab" ? "" : `--instance ${status.instance} `;
  return `npm run lab -- ${option}${words}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
