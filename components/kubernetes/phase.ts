import type { Problem } from "../problem";

/** What a service can need or provide, as `storage`, `secret-store` or `certificates`. A name is all there is to it. */
export type Capability = string;

/** A part of the platform, as far as its place in the order goes. */
export interface Service {
  readonly name: string;
  /** Capabilities that have to work before the service is installed. */
  readonly needs: readonly Capability[];
  /** Capabilities that work once the service's gate is open. */
  readonly provides: readonly Capability[];
  /** Where the site file asks for it. @default `platform.<name>` */
  readonly path?: string;
}

/** Services that can be installed at the same time. */
export interface Phase {
  /** Sorted names. */
  readonly services: readonly string[];
  /** Capabilities of earlier phases that have to work before this one begins. */
  readonly entry: readonly Capability[];
  /** Capabilities that work when this phase is over. */
  readonly exit: readonly Capability[];
}

/** An order of all services, or why there is none. */
export type Phases =
  | { readonly phases: readonly Phase[]; readonly problems?: never }
  | { readonly phases?: never; readonly problems: readonly Problem[] };

/**
 * Puts every service into the earliest phase in which all it needs is there. The order of the services given does not
 * matter. A need that nobody provides, two providers of one capability and every cycle are problems, all at once.
 */
export function planPhases(services: readonly Service[]): Phases {
  const providers = providersOf(services);
  const problems = [
    ...twice(services),
    ...[...providers].flatMap(([capability, holders]) => rivals(capability, holders)),
    ...services.flatMap((service) => unmet(service, providers)),
    ...cycles(services, providers),
  ];
  if (problems.length > 0) return { problems };

  const level = new Map<string, number>();
  const levelOf = (service: Service): number => {
    const known = level.get(service.name);
    if (known !== undefined) return known;
    const before = providersNeeded(service, providers).map(levelOf);
    const own = before.length === 0 ? 0 : Math.max(...before) + 1;
    level.set(service.name, own);
    return own;
  };
  const last = Math.max(-1, ...services.map(levelOf));
  return {
    phases: Array.from({ length: last + 1 }, (_, index) => {
      const members = services.filter((service) => level.get(service.name) === index);
      return {
        services: sorted(members.map(({ name }) => name)),
        entry: sorted(members.flatMap(({ needs }) => needs)),
        exit: sorted(members.flatMap(({ provides }) => provides)),
      };
    }),
  };
}

/** Names of the services whose capabilities a service needs, sorted. Meant for services without problems. */
export function dependenciesOf(service: Service, services: readonly Service[]): readonly string[] {
  return sorted(providersNeeded(service, providersOf(services)).map(({ name }) => name));
}

type Providers = ReadonlyMap<Capability, readonly Service[]>;

function providersOf(services: readonly Service[]): Providers {
  const providers = new Map<Capability, Service[]>();
  for (const service of byName(services)) {
    for (const capability of new Set(service.provides)) {
      providers.set(capability, [...(providers.get(capability) ?? []), service]);
    }
  }
  return providers;
}

function providersNeeded({ needs }: Service, providers: Providers): readonly Service[] {
  return needs.flatMap((capability) => providers.get(capability) ?? []);
}

function twice(services: readonly Service[]): Problem[] {
  const names = services.map(({ name }) => name);
  return sorted(names.filter((name, index) => names.indexOf(name) < index)).map((name) => ({
    path: `platform.${name}`,
    reason: `there are two services named ${name}`,
    fix: "give one of them another name",
  }));
}

function rivals(capability: Capability, holders: readonly Service[]): Problem[] {
  const [first, ...others] = holders;
  return others.map((other) => ({
    path: pathOf(other),
    reason: `${capability} is provided by ${first?.name} and by ${other.name}`,
    fix: "keep one of the two",
  }));
}

function unmet(service: Service, providers: Providers): Problem[] {
  return sorted(service.needs.filter((capability) => !providers.has(capability))).map((capability) => ({
    path: pathOf(service),
    reason: `${service.name} needs ${capability}, which nothing of this site provides`,
    fix: `add a service that provides ${capability}, or remove ${service.name}`,
  }));
}

/** One problem a knot of services that wait for each other, with its shortest cycle written out. */
function cycles(services: readonly Service[], providers: Providers): Problem[] {
  const knots: (readonly Step[])[] = [];
  for (const service of services) {
    const cycle = shortestCycle(service, providers);
    if (cycle === undefined) continue;
    const known = knots.findIndex((other) => sameKnot(other, service, providers));
    if (known < 0) knots.push(cycle);
    else if (cycle.length < (knots[known]?.length ?? 0)) knots[known] = cycle;
  }
  return knots.map((cycle) => ({
    path: cycle[0] === undefined ? "platform" : pathOf(cycle[0].service),
    reason: `these wait for each other: ${written(cycle)}`,
    fix: "take one need away: let the service begin without it and add it in a later step",
  }));
}

/** Whether a service waits for the cycle and the cycle for it. */
function sameKnot([step]: readonly Step[], service: Service, providers: Providers): boolean {
  return step !== undefined && reaches(step.service, service, providers) && reaches(service, step.service, providers);
}

function reaches(from: Service, to: Service, providers: Providers): boolean {
  const seen = new Set<string>();
  const visit = (at: Service): boolean => {
    if (at.name === to.name) return true;
    if (seen.has(at.name)) return false;
    seen.add(at.name);
    return providersNeeded(at, providers).some(visit);
  };
  return visit(from);
}

/** A service and the capability for which it waits on the next one. */
interface Step {
  readonly service: Service;
  readonly need: Capability;
}

/** The shortest way from a service back to itself, by breadth. */
function shortestCycle(start: Service, providers: Providers): readonly Step[] | undefined {
  const seen = new Set<string>();
  let front: readonly { readonly at: Service; readonly way: readonly Step[] }[] = [{ at: start, way: [] }];
  while (front.length > 0) {
    const next: { at: Service; way: readonly Step[] }[] = [];
    for (const { at, way } of front) {
      for (const need of sorted(at.needs)) {
        for (const provider of providers.get(need) ?? []) {
          const longer = [...way, { service: at, need }];
          if (provider.name === start.name) return longer;
          if (seen.has(provider.name)) continue;
          seen.add(provider.name);
          next.push({ at: provider, way: longer });
        }
      }
    }
    front = next;
  }
  return undefined;
}

/** `vault → oidc → authentik → secret-store → vault`; a capability named like its provider is not said twice. */
function written(cycle: readonly Step[]): string {
  const words = cycle.flatMap(({ service, need }) => [service.name, need]);
  const closed = [...words, cycle[0]?.service.name ?? ""];
  return closed.filter((word, index) => word !== closed[index - 1]).join(" → ");
}

function pathOf(service: Service): string {
  return service.path ?? `platform.${service.name}`;
}

function byName(services: readonly Service[]): readonly Service[] {
  return [...services].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function sorted(words: readonly string[]): string[] {
  return [...new Set(words)].sort();
}
