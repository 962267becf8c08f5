import fc from "fast-check";
import { drawPhases, mermaidPhases } from "../../components/kubernetes/draw";
import { dependenciesOf, planPhases, type Service } from "../../components/kubernetes/phase";
import { formatProblem } from "../../components/problem";

const service = (name: string, needs: readonly string[], provides: readonly string[]): Service => ({
  name,
  needs,
  provides,
});
const problems = (...services: readonly Service[]) => (planPhases(services).problems ?? []).map(formatProblem);

/** Services in layers: each may need what layers before it provide, so there is always an order. */
const layered = fc
  .array(fc.array(fc.nat(40), { maxLength: 4 }), { minLength: 1, maxLength: 14 })
  .map((rows) =>
    rows.map((row, index) =>
      service(`s${index}`, index === 0 ? [] : [...new Set(row.map((pick) => `c${pick % index}`))], [`c${index}`]),
    ),
  );

const shuffled = layered.chain((services) =>
  fc
    .shuffledSubarray([...services], { minLength: services.length, maxLength: services.length })
    .map((mixed) => ({ services, mixed })),
);

describe("phases", () => {
  test("put what is needed before what needs it, as early as possible", () => {
    fc.assert(
      fc.property(layered, (services) => {
        const { phases = [] } = planPhases(services);
        const phaseOf = (name: string) => phases.findIndex((phase) => phase.services.includes(name));
        expect(phases.flatMap((phase) => phase.services).sort()).toEqual(services.map(({ name }) => name).sort());
        for (const each of services) {
          const before = dependenciesOf(each, services).map(phaseOf);
          expect(phaseOf(each.name)).toBe(before.length === 0 ? 0 : Math.max(...before) + 1);
        }
      }),
    );
  });

  test("open with what earlier phases provide, and only with that", () => {
    fc.assert(
      fc.property(layered, (services) => {
        const { phases = [] } = planPhases(services);
        phases.forEach((phase, index) => {
          const provided = phases.slice(0, index).flatMap(({ exit }) => exit);
          expect(phase.entry.filter((capability) => !provided.includes(capability))).toEqual([]);
        });
      }),
    );
  });

  test("do not depend on the order in which services are written", () => {
    fc.assert(
      fc.property(shuffled, ({ services, mixed }) => {
        expect(planPhases(mixed)).toEqual(planPhases(services));
      }),
    );
  });

  test("any edge back makes a cycle, and the cycle told is one", () => {
    fc.assert(
      fc.property(layered, fc.nat(), fc.nat(), (services, a, b) => {
        const [low, high] = [a % services.length, b % services.length].sort((x, y) => x - y) as [number, number];
        // A chain through every service, so that an edge from low to high closes a cycle.
        const chained = services.map((each, index) =>
          service(
            each.name,
            [...each.needs, ...(index > 0 ? [`c${index - 1}`] : []), ...(index === low ? [`c${high}`] : [])],
            each.provides,
          ),
        );
        const { problems: found = [] } = planPhases(chained);
        expect(found).toHaveLength(1);
        const told = found[0]?.reason.replace("these wait for each other: ", "").split(" → ") ?? [];
        expect(told[0]).toBe(told.at(-1));
        for (let at = 0; at + 2 < told.length; at += 2) {
          expect(chained.find(({ name }) => name === told[at])?.needs).toContain(told[at + 1]);
          expect(chained.find(({ name }) => name === told[at + 2])?.provides).toContain(told[at + 1]);
        }
      }),
    );
  });

  test("nothing is nothing", () => {
    expect(planPhases([])).toEqual({ phases: [] });
  });
});

describe("what has no order", () => {
  const vault = service("vault", ["storage", "oidc"], ["secret-store"]);
  const authentik = service("authentik", ["secret-store"], ["oidc"]);
  const longhorn = service("longhorn", [], ["storage"]);

  test("prints the cycle", () => {
    expect(problems(vault, authentik, longhorn)).toEqual([
      "platform.vault: these wait for each other: vault → oidc → authentik → secret-store → vault (take one need away: let the service begin without it and add it in a later step)",
    ]);
    const named = { ...vault, path: "platform.secrets.vault" };
    expect(problems({ ...named, name: "a-vault" }, authentik, longhorn)[0]).toMatch(
      /^platform\.secrets\.vault: these wait for each other: a-vault → oidc → authentik → secret-store → a-vault/,
    );
  });

  test("a service that waits for itself is a cycle", () => {
    expect(problems(service("resolver", ["dns"], ["dns"]))).toEqual([
      expect.stringMatching(/^platform\.resolver: these wait for each other: resolver → dns → resolver \(/),
    ]);
  });

  test("a need nobody meets, two providers, two of a name: all at once", () => {
    const { name: _, ...other } = longhorn;
    expect(
      problems(vault, authentik, { ...other, name: "openebs" }, longhorn, service("gitea", ["s3"], []), longhorn),
    ).toEqual([
      "platform.longhorn: there are two services named longhorn (give one of them another name)",
      "platform.longhorn: storage is provided by longhorn and by longhorn (keep one of the two)",
      "platform.openebs: storage is provided by longhorn and by openebs (keep one of the two)",
      "platform.gitea: gitea needs s3, which nothing of this site provides (add a service that provides s3, or remove gitea)",
      expect.stringMatching(/vault → oidc → authentik → secret-store → vault/),
    ]);
  });
});

describe("a picture of the phases", () => {
  const { phases = [] } = planPhases([
    service("cilium", [], ["network"]),
    service("metallb", ["network"], ["load-balancer"]),
    service("cert-manager", ["network"], ["certificates"]),
    service("ingress-nginx", ["load-balancer", "certificates"], ["ingress"]),
  ]);

  test("in Mermaid shows every service and what opens each phase", () => {
    expect(mermaidPhases(phases)).toBe(
      [
        "flowchart TB",
        '  subgraph phase1["Phase 1"]',
        '    s_cilium["cilium"]',
        "  end",
        '  subgraph phase2["Phase 2"]',
        '    s_cert_manager["cert-manager"]',
        '    s_metallb["metallb"]',
        "  end",
        '  subgraph phase3["Phase 3"]',
        '    s_ingress_nginx["ingress-nginx"]',
        "  end",
        '  phase1 -- "network" --> phase2',
        '  phase2 -- "certificates, load-balancer" --> phase3',
        "",
      ].join("\n"),
    );
  });

  test("in SVG names the gate between two phases", () => {
    const svg = drawPhases("Platform of <home>", phases);
    for (const words of [
      "Platform of &lt;home&gt;",
      "Phase 3",
      "ingress-nginx",
      "gate: network",
      "gate: certificates, load-balancer",
    ]) {
      expect(svg).toContain(words);
    }
  });
});
