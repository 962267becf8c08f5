/** Mirrors of registries: from the site file to what a machine is told, and what is refused on the way. */
import { formatProblem } from "../../components/problem";
import { nodeModel } from "../../components/site/nodes";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { splitPatches } from "../../components/talos/config/render";
import { parseDocuments } from "../../components/talos/config/yaml";
import { siteFile } from "../support/site";
import { ROOM_CA } from "../talos/support/models";

// biome-ignore lint/suspicious/noExplicitAny: a site file before it is checked
type Raw = any;

/** One machine in a room without a way out. */
function room(talos: object, edit: (site: Raw) => void = () => {}): Raw {
  const site = siteFile("appliance");
  delete site.talos.mirrors;
  delete site.talos.registries;
  Object.assign(site.talos, talos);
  edit(site);
  return site;
}

const problems = (site: Raw) => checkSite(site).problems.map(formatProblem);
const HERE = "https://192.168.77.1:5000";
const mirror = (name: string, value: object) => ({ mirrors: { [name]: value } });

test("every machine is told of them, in the words of its contract, and nothing of it is a secret", () => {
  const talos = {
    mirrors: { "docker.io": { endpoints: [HERE], skipFallback: true } },
    registries: { "192.168.77.1:5000": { ca: ROOM_CA } },
  };
  const told = (contract: string) => {
    const plan = planSite(parseSite(room({ ...talos, configContract: contract })));
    const [node] = plan.nodes;
    if (node === undefined) throw new Error("no machine");
    const { open, secret } = splitPatches(
      nodeModel(plan, node, { address: "192.168.77.10" }),
      plan.talos.configContract,
    );
    expect(secret).toEqual([]);
    return parseDocuments(open.join("---\n"));
  };
  expect(told("v1.11")).toContainEqual(
    expect.objectContaining({
      machine: expect.objectContaining({
        registries: {
          mirrors: { "docker.io": { endpoints: [HERE], skipFallback: true } },
          config: { "192.168.77.1:5000": { tls: { ca: Buffer.from(ROOM_CA).toString("base64") } } },
        },
      }),
    }),
  );
  expect(told("v1.13")).toEqual(
    expect.arrayContaining([
      {
        apiVersion: "v1alpha1",
        kind: "RegistryMirrorConfig",
        name: "docker.io",
        endpoints: [{ url: HERE }],
        skipFallback: true,
      },
      { apiVersion: "v1alpha1", kind: "RegistryTLSConfig", name: "192.168.77.1:5000", ca: ROOM_CA },
    ]),
  );
});

test("a site without mirrors says nothing of registries", () => {
  const plan = planSite(parseSite(room({})));
  expect(JSON.stringify(plan.nodes.map((node) => nodeModel(plan, node, { address: "192.168.77.10" })))).not.toMatch(
    /mirrors|authorities/,
  );
});

test.each<[string, object, string[]]>([
  [
    "no URL",
    mirror("docker.io", { endpoints: ["192.168.77.1:5000"] }),
    [
      'talos.mirrors.docker.io.endpoints[0]: "192.168.77.1:5000" is not the URL of a mirror (write it as https://10.0.0.5:5000)',
    ],
  ],
  [
    "a password in it, which is not shown",
    mirror("docker.io", { endpoints: ["https://me:hunter2@192.168.77.1"] }),
    [
      "talos.mirrors.docker.io.endpoints[0]: the URL of a mirror holds a user or a password (leave both out: a mirror is read without)",
    ],
  ],
  [
    "more than a path",
    mirror("docker.io", { endpoints: [`${HERE}/?ns=docker.io`] }),
    [expect.stringMatching(/^talos\.mirrors\.docker\.io\.endpoints\[0\]: .* has more than a host and a path/)],
  ],
  [
    "none at all",
    mirror("docker.io", { endpoints: [] }),
    [expect.stringMatching(/^talos\.mirrors\.docker\.io\.endpoints: a list: a mirror has at least one endpoint/)],
  ],
  [
    "an unknown setting",
    mirror("docker.io", { endpoints: [HERE], skipFalback: true }),
    ["talos.mirrors.docker.io.skipFalback: unknown key (did you mean skipFallback?)"],
  ],
  [
    "a wildcard that no registry client knows",
    mirror("*.docker.io", { endpoints: [HERE] }),
    [
      'talos.mirrors.*.docker.io: "*.docker.io": a mirror is of one registry, or of all (write * for every other registry)',
    ],
  ],
  [
    "another name of Docker's registry",
    mirror("index.docker.io", { endpoints: [HERE] }),
    [
      'talos.mirrors.index.docker.io: "index.docker.io": images of Docker\'s registry begin with docker.io (did you mean docker.io?)',
    ],
  ],
  [
    "a URL for a name",
    mirror("https://ghcr.io/v2", { endpoints: [HERE] }),
    ['talos.mirrors.https://ghcr.io/v2: "https://ghcr.io/v2" is not a registry (did you mean ghcr.io?)'],
  ],
  [
    "a name where nothing answers names",
    mirror("*", { endpoints: ["https://registry.example.org", HERE] }),
    [
      "talos.mirrors.*.endpoints[0]: registry.example.org is a name, and the machines have no name server and no gateway to one (write its address, or a name server of their own network into network.nameservers)",
    ],
  ],
  [
    "the machine itself alone",
    mirror("*", { endpoints: ["http://127.0.0.1:5000", "http://[::1]:5000"], skipFallback: true }),
    [
      "talos.mirrors.*.endpoints: are on the machine itself alone, where nothing answers before the cluster runs (name a mirror on another machine as well, or leave skipFallback out)",
    ],
  ],
  [
    "a path that is asked for twice",
    mirror("docker.io", { endpoints: [`${HERE}/v2/docker-hub`] }),
    [
      "talos.mirrors.docker.io.endpoints[0]: the machines would ask for /v2/docker-hub/v2/… (set overridePath: true, or leave the path out)",
    ],
  ],
  [
    "a path that is not there",
    mirror("docker.io", { endpoints: [HERE], overridePath: true }),
    [
      `talos.mirrors.docker.io.endpoints[0]: has no path, and overridePath adds none (write ${HERE}/v2/…, or leave overridePath out)`,
    ],
  ],
  [
    "a private key",
    { registries: { "192.168.77.1:5000": { ca: `${ROOM_CA}-----BEGIN PRIVATE KEY-----\nx` } } },
    [expect.stringMatching(/^talos\.registries\.192\.168\.77\.1:5000\.ca: holds a private key \(take it out at once/)],
  ],
  [
    "a torn certificate",
    { registries: { "192.168.77.1:5000": { ca: ROOM_CA.replace("MIIB", "") } } },
    [expect.stringMatching(/^talos\.registries\.192\.168\.77\.1:5000\.ca: a certificate in it cannot be read/)],
  ],
  [
    "no certificate",
    { registries: { "192.168.77.1:5000": { ca: "/etc/ca.pem" } } },
    [expect.stringMatching(/^talos\.registries\.192\.168\.77\.1:5000\.ca: is no certificate/)],
  ],
])("refused: %s", (_, talos, expected) => {
  expect(problems(room(talos))).toEqual(expected);
});

test("a name is good where something answers names, and a mirror on the machine where the registry is left", () => {
  const named = mirror("*", { endpoints: ["https://registry.example.org"] });
  expect(problems(room(named, ({ network }) => Object.assign(network, { nameservers: ["192.168.77.1"] })))).toEqual([]);
  expect(problems(room(named, ({ network }) => Object.assign(network, { gateway: "192.168.77.1" })))).toEqual([]);
  expect(problems(room(mirror("*", { endpoints: ["http://127.0.0.1:29999"] })))).toEqual([]);
});
