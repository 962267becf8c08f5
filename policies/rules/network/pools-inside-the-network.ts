import { contains, parseCidr } from "../../../components/address/cidr";
import { ranges, SERVICE_POOLS } from "../../look/pools";
import { levels, type StackRule } from "../../rule";

export const rule: StackRule = {
  name: "pools-inside-the-network",
  area: "network",
  kind: "stack",
  sentence: "Service addresses that are announced on the machines' network must lie in it.",
  severity: "medium",
  levels: levels("advisory", "mandatory", "mandatory"),
  prevents: "An address outside of the network is announced by ARP to nobody who would ask for it.",
  fix: "Choose addresses of the network, or list the network that your router sends here under networks.",
  types: [...SERVICE_POOLS, "plinth:site:Site"],
  settings: {
    networks: {
      type: "array",
      items: { type: "string" },
      description: "Networks beside the site's own that reach the cluster, as by BGP",
      default: [],
    },
  },
  check(resources, { networks }) {
    const sites = resources.map(({ props }) => props.network);
    const known = [...sites, ...networks].flatMap((text) => {
      const cidr = typeof text === "string" ? parseCidr(text, "").value : undefined;
      return cidr === undefined ? [] : [cidr];
    });
    if (known.length === 0) return [];
    return resources.flatMap((pool) =>
      ranges(pool)
        .filter(({ range }) => !known.some((network) => contains(network, range)))
        .map(({ path, text }) => ({ path: `${pool.name}.${path}`, reason: `${text} lies outside`, urn: pool.urn })),
    );
  },
};
