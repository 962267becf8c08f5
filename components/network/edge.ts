import { parseAddress } from "../address/cidr";
import type { Problem } from "../problem";

/** A host on the outside that passes TLS through to sites by the name in its first packet. */
export interface EdgeSettings {
  /** Where connections go, by a stable key. */
  readonly routes: { readonly [key: string]: EdgeRoute };
  /** Where a connection goes whose name is in no route, as `127.0.0.1:8443`. @default - it is closed */
  readonly fallback?: string;
  /** Port that is listened on. @default 443 */
  readonly port?: number;
  /** Addresses that are listened on. @default - all of the host */
  readonly addresses?: readonly string[];
  /** Whether the site is told the sender's address by the PROXY protocol; it has to expect that. @default false */
  readonly proxyProtocol?: boolean;
}

/** Names that lead to one address. */
export interface EdgeRoute {
  /** Domain names; `*.home.example.org` stands for every name below it. */
  readonly hosts: readonly string[];
  /** Address and port of the site's ingress, as `10.0.3.2:443`. */
  readonly to: string;
}

const HOST = /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const CLOSED = "closed";

/**
 * Configuration of nginx' stream module for such a host: TLS is not ended there, so that certificates stay in the
 * cluster. It goes beside `http {}` in nginx.conf, as a file that is included there.
 */
export function edgeConfig(settings: EdgeSettings): string {
  const { routes, fallback, port = 443, addresses = ["0.0.0.0", "::"], proxyProtocol = false } = settings;
  const keys = Object.keys(routes).sort();
  return [
    "# Made by plinth: TLS is passed through by its server name, and ended in the cluster.",
    "stream {",
    // With the default nginx refuses to start as soon as one name is long.
    "    map_hash_bucket_size 512;",
    "    map $ssl_preread_server_name $plinth_edge {",
    "        hostnames;",
    ...keys.flatMap((key) =>
      [...(routes[key]?.hosts ?? [])].sort().map((host) => `        ${host} plinth_${word(key)};`),
    ),
    `        default plinth_${fallback === undefined ? CLOSED : "fallback"};`,
    "    }",
    ...keys.flatMap((key) => upstream(word(key), routes[key]?.to ?? "")),
    // Nobody listens on the discard port: the connection ends at once, without a certificate of anybody.
    ...upstream(...((fallback === undefined ? [CLOSED, "127.0.0.1:9"] : ["fallback", fallback]) as [string, string])),
    "    server {",
    ...addresses.map((address) => `        listen ${address.includes(":") ? `[${address}]` : address}:${port};`),
    "        ssl_preread on;",
    "        preread_timeout 5s;",
    "        proxy_connect_timeout 5s;",
    "        proxy_timeout 1h;",
    ...(proxyProtocol ? ["        proxy_protocol on;"] : []),
    "        proxy_pass $plinth_edge;",
    "    }",
    "}",
    "",
  ].join("\n");
}

function upstream(name: string, to: string): readonly string[] {
  return [`    upstream plinth_${name} {`, `        server ${to};`, "    }"];
}

/** nginx' names are words. */
function word(key: string): string {
  return `r_${key.replace(/[^a-z0-9]/g, "_")}`;
}

/** What would make nginx refuse the configuration, or send a name to two places. */
export function edgeProblems(settings: EdgeSettings, path = "edge"): Problem[] {
  const { routes, fallback } = settings;
  const holders = new Map<string, string>();
  return [
    ...listenProblems(settings, path),
    ...wordProblems(Object.keys(routes), path),
    ...Object.entries(routes).flatMap(([key, { hosts, to }]) => [
      ...(hosts.length === 0
        ? [{ path: `${path}.routes.${key}.hosts`, reason: "is empty", fix: "name at least one host" }]
        : []),
      ...hosts.flatMap((host, index) => hostProblems(host, `${path}.routes.${key}.hosts[${index}]`, holders)),
      ...targetProblems(to, `${path}.routes.${key}.to`),
    ]),
    ...(fallback === undefined ? [] : targetProblems(fallback, `${path}.fallback`)),
  ];
}

function listenProblems({ port, addresses }: EdgeSettings, path: string): Problem[] {
  return [
    ...(port === undefined || (Number.isInteger(port) && port >= 1 && port <= 65535)
      ? []
      : [{ path: `${path}.port`, reason: `${port} is no port`, fix: "write a number from 1 to 65535" }]),
    ...(addresses?.length === 0
      ? [{ path: `${path}.addresses`, reason: "is empty", fix: "name an address, or leave it out for all of the host" }]
      : []),
    ...(addresses ?? []).flatMap((address, index) => {
      const { problem } = parseAddress(address, `${path}.addresses[${index}]`);
      return problem === undefined ? [] : [problem];
    }),
  ];
}

/** Keys that differ only in what nginx' names cannot hold. */
function wordProblems(keys: readonly string[], path: string): Problem[] {
  return keys.flatMap((key, index) => {
    const twin = keys.slice(0, index).find((other) => word(other) === word(key));
    return twin === undefined
      ? []
      : [
          {
            path: `${path}.routes.${key}`,
            reason: `is the same name to nginx as ${path}.routes.${twin}`,
            fix: "call one of them otherwise: only letters and digits tell them apart",
          },
        ];
  });
}

function hostProblems(host: string, path: string, holders: Map<string, string>): Problem[] {
  if (!HOST.test(host)) {
    return [
      {
        path,
        reason: `"${host}" is not a host name`,
        fix: "write git.home.example.org, or *.home.example.org for all below",
      },
    ];
  }
  const holder = holders.get(host);
  holders.set(host, holder ?? path);
  return holder === undefined ? [] : [{ path, reason: `${host} is already led by ${holder}`, fix: "name it once" }];
}

function targetProblems(target: string, path: string): Problem[] {
  const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(target) ?? [];
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const bracketed = bare !== host;
  const sound = parseAddress(bare, path).problem === undefined && bracketed === bare.includes(":");
  if (sound && Number(port) >= 1 && Number(port) <= 65535) return [];
  return [{ path, reason: `"${target}" is not an address with a port`, fix: "write 10.0.3.2:443, or [fd00::2]:443" }];
}
