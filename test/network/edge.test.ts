import fc from "fast-check";
import { edgeConfig, edgeProblems } from "../../components/network/edge";
import { formatProblem } from "../../components/problem";

const settings = {
  routes: {
    office: { hosts: ["office.example.org"], to: "[fd00::2]:443" },
    home: { hosts: ["*.home.example.org", "home.example.org"], to: "10.0.3.2:443" },
  },
};

test("passes TLS through by its server name, and ends nothing on the host", () => {
  expect(
    edgeConfig(settings),
  ).toBe(`# Made by plinth: TLS is passed through by its server name, and ended in the cluster.
stream {
    map_hash_bucket_size 512;
    map $ssl_preread_server_name $plinth_edge {
        hostnames;
        *.home.example.org plinth_r_home;
        home.example.org plinth_r_home;
        office.example.org plinth_r_office;
        default plinth_closed;
    }
    upstream plinth_r_home {
        server 10.0.3.2:443;
    }
    upstream plinth_r_office {
        server [fd00::2]:443;
    }
    upstream plinth_closed {
        server 127.0.0.1:9;
    }
    server {
        listen 0.0.0.0:443;
        listen [::]:443;
        ssl_preread on;
        preread_timeout 5s;
        proxy_connect_timeout 5s;
        proxy_timeout 1h;
        proxy_pass $plinth_edge;
    }
}
`);
});

test("an unknown name goes to what served before, when there is something", () => {
  const config = edgeConfig({ ...settings, fallback: "127.0.0.1:8443", port: 8444, proxyProtocol: true });
  for (const line of [
    "default plinth_fallback;",
    "server 127.0.0.1:8443;",
    "listen 0.0.0.0:8444;",
    "proxy_protocol on;",
  ]) {
    expect(config).toContain(line);
  }
});

test("the same routes give the same bytes, in whatever order they are written", () => {
  const { office, home } = settings.routes;
  expect(edgeConfig({ routes: { home, office } })).toBe(edgeConfig(settings));
});

test("what nginx would refuse is refused here, all at once", () => {
  const routes = {
    a: { hosts: ["git.example.org", "~^evil"], to: "10.0.3.2" },
    b: { hosts: ["git.example.org"], to: "git.example.org:443" },
    c: { hosts: [], to: "fd00::2:443" },
  };
  expect(edgeProblems({ routes, fallback: "localhost:0" }).map(formatProblem)).toEqual([
    'edge.routes.a.hosts[1]: "~^evil" is not a host name (write git.home.example.org, or *.home.example.org for all below)',
    'edge.routes.a.to: "10.0.3.2" is not an address with a port (write 10.0.3.2:443, or [fd00::2]:443)',
    "edge.routes.b.hosts[0]: git.example.org is already led by edge.routes.a.hosts[0] (name it once)",
    'edge.routes.b.to: "git.example.org:443" is not an address with a port (write 10.0.3.2:443, or [fd00::2]:443)',
    "edge.routes.c.hosts: is empty (name at least one host)",
    'edge.routes.c.to: "fd00::2:443" is not an address with a port (write 10.0.3.2:443, or [fd00::2]:443)',
    'edge.fallback: "localhost:0" is not an address with a port (write 10.0.3.2:443, or [fd00::2]:443)',
  ]);
});

test("two keys that are one name to nginx, a port and an address that are none", () => {
  const routes = {
    "a-b": { hosts: ["a.example.org"], to: "10.0.3.2:443" },
    "a.b": { hosts: ["b.example.org"], to: "10.0.3.3:443" },
  };
  expect(edgeProblems({ routes, port: 99999, addresses: ["nonsense", "10.0.0.1"] }).map(formatProblem)).toEqual([
    "edge.port: 99999 is no port (write a number from 1 to 65535)",
    expect.stringMatching(/^edge\.addresses\[0\]: "nonsense" is not /),
    "edge.routes.a.b: is the same name to nginx as edge.routes.a-b (call one of them otherwise: only letters and digits tell them apart)",
  ]);
  expect(edgeProblems({ routes: { a: routes["a-b"] }, addresses: [] }).map(({ path }) => path)).toEqual([
    "edge.addresses",
  ]);
  expect(edgeProblems({ routes: { a: routes["a-b"] }, addresses: ["::"], port: 8443 })).toEqual([]);
});

test("nothing that passes the check can break out of a line of the configuration", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (host, to) => {
      const wild = { routes: { x: { hosts: [host], to } } };
      if (edgeProblems(wild).length > 0) return;
      expect(`${host} ${to}`).not.toMatch(/[;{}"'$\s#]\S*[;{}]|[;{}\n]/);
    }),
  );
});
