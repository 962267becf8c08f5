import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bootstrap } from "../../provider/talos/Bootstrap";
import { clusterRelease } from "../../provider/talos/ClusterRelease";
import { listen } from "./context";
import { machines, site } from "./release";

/** It ends on 2126-10-28. */
const certificate = readFileSync(join(__dirname, "fixture/other-ca.crt")).toString("base64");
const base = site();
const inputs = {
  ...base,
  clientConfiguration: { ...base.clientConfiguration, clientCertificate: certificate },
  kubeconfig: JSON.stringify({ users: [{ user: { "client-certificate-data": certificate } }] }),
};
const on = (date: string) => jest.spyOn(Date, "now").mockReturnValue(Date.parse(date));

afterEach(() => jest.restoreAllMocks());

async function checked(date: string, wanted: typeof inputs) {
  on(date);
  const heard = listen();
  const problems = await clusterRelease(machines(base).drivers).check(wanted, heard.context);
  return { lines: heard.lines, problems };
}

test("a certificate that is good for long is not spoken of, nor is one that cannot be read", async () => {
  expect(await checked("2126-08-01", inputs)).toEqual({ lines: [], problems: [] });
  expect(await checked("2127-08-01", { ...base, kubeconfig: "{" })).toEqual({ lines: [], problems: [] });
});

test("every preview says it from two months before the end", async () => {
  const { lines, problems } = await checked("2126-09-28", inputs);
  expect(problems).toEqual([]);
  expect(lines).toEqual([
    expect.stringMatching(
      /^the certificate with which plinth speaks to Talos ends in 30 days, on 2126-10-28: sign another one .*docs\/certificates.md/,
    ),
    expect.stringMatching(/^the certificate in the kubeconfig ends in 30 days, .*pulumi up --replace/),
  ]);
});

test("one that has ended is refused before anything is asked of a machine", async () => {
  const { lines, problems } = await checked("2126-10-29", inputs);
  expect(lines).toEqual([]);
  expect(problems.map(({ path, reason }) => `${path}: ${reason}`)).toEqual([
    "clientConfiguration.clientCertificate: the certificate with which plinth speaks to Talos ended on 2126-10-28, by the clock of this host",
    "kubeconfig: the certificate in the kubeconfig ended on 2126-10-28, by the clock of this host",
  ]);
  const first = {
    clusterName: "demo",
    clientConfiguration: inputs.clientConfiguration,
    node: "10.0.0.11",
    controlPlanes: ["10.0.0.11"],
    endpoint: "https://10.0.0.10:6443",
    kubernetesCa: "ca",
  };
  const { context } = listen();
  expect(await bootstrap(machines(base).drivers).check(first, context)).toMatchObject([
    { path: "clientConfiguration.clientCertificate" },
  ]);
});
