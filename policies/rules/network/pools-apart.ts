import { formatRange, overlaps, parseRange } from "../../../components/address/cidr";
import { POOLS, ranges } from "../../look/pools";
import { always, type StackRule } from "../../rule";

export const rule: StackRule = {
  name: "pools-apart",
  area: "network",
  kind: "stack",
  sentence: "No address may be in two pools.",
  severity: "critical",
  levels: always("mandatory"),
  prevents: "Two authorities over one address give it away twice.",
  fix: "Give each pool addresses of its own.",
  types: POOLS,
  settings: {
    others: {
      type: "object",
      description: 'Ranges that other stacks give out, by what they are: {"edge services": "10.0.4.0/24"}',
      default: {},
    },
  },
  check(resources, { others }) {
    const foreign = Object.entries<string>(others).flatMap(([what, text]) => {
      const range = parseRange(text, what).value;
      return range === undefined ? [] : [{ what, range }];
    });
    const own = resources.flatMap((resource) =>
      ranges(resource).map(({ path, range }) => ({ what: resource.name, range, path, urn: resource.urn })),
    );
    return own.flatMap(({ what, path, range, urn }, place) =>
      [...foreign, ...own.slice(0, place)]
        .filter((other) => overlaps(other.range, range))
        .map((other) => ({
          path: `${what}.${path}`,
          reason: `${formatRange(range)} overlaps ${formatRange(other.range)} of ${other.what}`,
          urn,
        })),
    );
  },
};
