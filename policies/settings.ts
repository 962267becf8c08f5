import { ProblemError } from "../components/problem";
import type { Level, Profile, Rule, Settings } from "./rule";

/** A finding that is accepted for a while. */
export interface Exemption {
  /** Name of the rule. */
  readonly rule: string;
  /** Name or URN of the resource, `*` for any part. @default - every resource */
  readonly resource?: string;
  readonly reason: string;
  /** Last day it holds, as `2027-01-31`. */
  readonly until: string;
}

/** Name of the rule whose settings are the pack's own: the profile and the exemptions. */
export const PACK_RULE = "pack-settings";

/** What a stack asks of the pack. */
export interface PackSettings {
  level(rule: Rule): Level;
  of(rule: Rule): Settings;
  /** The exemption that accepts a finding today. */
  exemption(rule: Rule, urn: string | undefined): Exemption | undefined;
}

/** Configuration by rule, as the engine hands it over and as a configuration file says it. */
export type RawConfig = { readonly [rule: string]: { readonly level?: string; readonly properties: Settings } };

/** Today, as `2026-11-21`. */
export function today(now: Date = new Date()): string {
  return now.toISOString().slice(0, 10);
}

/**
 * Levels come from the profile. The engine fills in the level of the profile `standard` for every rule that the
 * configuration does not name, so a level counts as given when it is another one than that.
 */
export function packSettings(config: RawConfig, rules: readonly Rule[], day: string): PackSettings {
  const own = config[PACK_RULE]?.properties ?? {};
  const profile: Profile = own.profile ?? "standard";
  const exemptions: readonly Exemption[] = own.exemptions ?? [];
  const filled = new Map(rules.map((rule) => [rule.name, { ...defaults(rule), ...config[rule.name]?.properties }]));
  return {
    level(rule) {
      const given = config[rule.name]?.level;
      return given === undefined || given === rule.levels.standard ? rule.levels[profile] : levelOf(given);
    },
    of: (rule) => filled.get(rule.name) ?? {},
    exemption: (rule, urn) =>
      exemptions.find(
        (exemption) => exemption.rule === rule.name && exemption.until >= day && covers(exemption.resource, urn),
      ),
  };
}

/** There is nothing that plinth's rules remediate: what is asked for so is mandatory. */
function levelOf(given: string): Level {
  return given === "disabled" || given === "advisory" ? given : "mandatory";
}

function defaults(rule: Rule): Settings {
  return Object.fromEntries(Object.entries(rule.settings ?? {}).map(([name, setting]) => [name, setting.default]));
}

function covers(pattern: string | undefined, urn: string | undefined): boolean {
  if (pattern === undefined) return true;
  if (urn === undefined) return false;
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const whole = new RegExp(`^${parts.join(".*")}$`);
  return whole.test(urn) || whole.test(urn.slice(urn.lastIndexOf("::") + 2));
}

/** Reads the text of a configuration file, the one that `--policy-pack-config` takes. */
export function parseConfig(text: string, file: string, rules: readonly Rule[]): RawConfig {
  const known = new Set(rules.map(({ name }) => name));
  const fail = (path: string, reason: string, fix: string): never => {
    throw new ProblemError(`${file} cannot be used:`, [{ path, reason, fix }]);
  };
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    fail("", "it is not JSON", "write an object with a rule's name for every key");
  }
  if (typeof read !== "object" || read === null || Array.isArray(read)) {
    return fail("", "it is not an object", "write an object with a rule's name for every key");
  }
  const all = levelIn((read as Settings).all);
  const config: { [rule: string]: RawConfig[string] } = {};
  if (all !== undefined) for (const name of known) config[name] = { level: all, properties: {} };
  for (const [name, value] of Object.entries(read)) {
    if (name === "all") continue;
    if (!known.has(name)) fail(name, "there is no such rule", "docs/policies.md lists them");
    const { enforcementLevel, ...properties } = typeof value === "string" ? { enforcementLevel: value } : value;
    const level = levelIn(enforcementLevel) ?? all;
    if (enforcementLevel !== undefined && level === undefined) {
      fail(name, `"${enforcementLevel}" is not a level`, "write disabled, advisory or mandatory");
    }
    config[name] = { ...(level !== undefined && { level }), properties };
  }
  return config;
}

function levelIn(value: unknown): string | undefined {
  return value === "disabled" || value === "advisory" || value === "mandatory" || value === "remediate"
    ? value
    : undefined;
}
