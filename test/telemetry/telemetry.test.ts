import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { stringify } from "yaml";
import { registerTelemetry } from "../../cli/commands/telemetry";
import { installationId, put, send, spoolFolder, waiting } from "../../cli/telemetry/spool";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { type Report, reportOf, reportSchema } from "../../components/telemetry/report";
import { siteFile } from "../support/site";

const ID = "6f1c6c0e-8f0b-4a53-9c55-0d3b3a1f7e11";
const MARK = "canary";
const URL_A = "https://telemetry.example.org/";
const URL_B = "https://telemetry.example.net/";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "plinth-telemetry-"));
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const report = (site = siteFile(), day = "2026-11-21") =>
  reportOf(planSite(parseSite(site)), ID, new Date(`${day}T10:00:00Z`));

test("a report holds counts, versions and words of plinth's own", () => {
  expect(report()).toEqual({
    ...{ v: 1, installation: ID, day: "2026-11-21", plinth: expect.stringMatching(/^\d/) },
    ...{ talos: "v1.13.0", kubernetes: "v1.36.3", provider: "lab", controlPlanes: 3, workers: 2, gpus: 0 },
    ...{ architectures: ["amd64"], features: ["high-availability", "multi-node"], charts: [] },
    ...{ backup: false, windows: false, encrypted: 0 },
  });
  expect(reportSchema.parse(report())).toEqual(report());
});

/** A site file that says the mark wherever a person may write something. */
function marked() {
  const site = siteFile();
  site.name = `${MARK}-site`;
  site.domain = `${MARK}.example.org`;
  site.network.ntp = [`${MARK}.example.org`];
  site.network.proxy = { http: `http://${MARK}.example.org:3128`, exclude: [`${MARK}.local`] };
  site.kubernetes.apiServer = { certSANs: [`${MARK}.example.org`], extraArgs: { [MARK]: MARK } };
  site.talos.factory = `${MARK}.example.org`;
  site.backup = { store: { s3: { bucket: MARK, prefix: MARK } }, passphrase: true };
  site.licence = { text: MARK, keys: [{ x: "A".repeat(43) }], revocations: MARK };
  site.telemetry = { url: `https://${MARK}.example.org/` };
  site.machines = Object.fromEntries(
    Object.entries<Record<string, unknown>>(site.machines).map(([key, machine]) => [
      `${MARK}-${key}`,
      { ...machine, labels: { [`${MARK}/${MARK}`]: MARK }, failureDomain: MARK },
    ]),
  );
  return site;
}

test("no name, address or secret of a site is in it", () => {
  const site = marked();
  const text = JSON.stringify(report(site));
  expect(text.toLowerCase()).not.toContain(MARK);
  for (const [, machine] of Object.entries<{ mac: string; address: string; disk: { wwid: string } }>(site.machines))
    for (const part of [machine.mac, machine.address, machine.disk.wwid]) expect(text).not.toContain(part);
  expect(text).not.toMatch(/\d+\.\d+\.\d+\.\d+/);
});

test("what is not on the list is no report, whoever made it", () => {
  for (const bad of [{ name: MARK }, { talos: MARK }, { features: [MARK] }, { charts: [MARK] }, { provider: MARK }])
    expect(reportSchema.safeParse({ ...report(), ...bad }).success).toBe(false);
});

test("without a network reports wait, one a day, and the oldest go", () => {
  const day = (number: number) => new Date(Date.UTC(2026, 0, number)).toISOString().slice(0, 10);
  for (let number = 1; number <= 130; number++) put(folder, report(siteFile(), day(number)));
  put(folder, report(siteFile(), day(130)));
  const days = waiting(folder).map((each) => each.day);
  expect(days).toHaveLength(100);
  expect([days[0], days.at(-1)]).toEqual([day(31), day(130)]);
});

test("one site's reports do not make room for another's", () => {
  const day = (number: number) => new Date(Date.UTC(2026, 0, number)).toISOString().slice(0, 10);
  const other = { ...report(siteFile(), day(1)), installation: ID.replace("6f", "7f") };
  put(folder, other);
  for (let number = 1; number <= 101; number++) put(folder, report(siteFile(), day(number)));
  const reports = waiting(folder);
  expect(reports).toHaveLength(101);
  expect([reports[0], reports[1]?.day]).toEqual([other, day(2)]);
});

test("a line that somebody else put in line is not sent", () => {
  put(folder, report());
  appendFileSync(path.join(folder, "spool.jsonl"), `${JSON.stringify({ ...report(), name: MARK })}\n{torn\n`);
  expect(waiting(folder)).toEqual([report()]);
});

test("what arrived is not sent again, and what did not waits", async () => {
  const seen: Report[] = [];
  let room = 1;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const status = seen.length < room ? 204 : 503;
      if (status === 204) seen.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
    for (const day of ["2026-11-19", "2026-11-20", "2026-11-21"]) put(folder, report(siteFile(), day));
    await expect(send(folder, url)).rejects.toThrow(/1 of 3 reports were sent:\n.*it answers 503 \(the rest waits/);
    expect(waiting(folder)).toHaveLength(2);
    room = 3;
    expect(await send(folder, url)).toBe(2);
    expect(seen.map(({ day }) => day)).toEqual(["2026-11-19", "2026-11-20", "2026-11-21"]);
    expect(waiting(folder)).toEqual([]);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

test("the installation is a number by chance, one a site, and stays", () => {
  const id = installationId(folder, "home");
  expect(installationId(folder, "home")).toBe(id);
  expect(installationId(`${folder}/another`, "home")).not.toBe(id);
  expect(installationId(folder, "edge")).not.toBe(id);
});

describe("the commands", () => {
  let said: string[];
  beforeEach(() => {
    process.env.PLINTH_STATE_DIR = path.join(folder, "state");
    said = [];
    jest.spyOn(console, "log").mockImplementation((text) => void said.push(String(text)));
  });
  afterEach(() => {
    delete process.env.PLINTH_STATE_DIR;
  });
  const plinth = async (act: string, site: unknown) => {
    const file = path.join(folder, "Pulumi.x.yaml");
    writeFileSync(file, stringify({ config: { "plinth:site": site } }));
    const program = new Command();
    registerTelemetry(program);
    await program.parseAsync(["telemetry", act, file], { from: "user" });
  };

  test("off by default: nothing is sent, nothing waits, and what would be can be seen", async () => {
    const sent = jest.spyOn(globalThis, "fetch");
    await plinth("show", siteFile());
    expect(reportSchema.parse(JSON.parse(said[0] ?? "")).controlPlanes).toBe(3);
    expect(said[1]).toBe("off: the site file names no telemetry.url");
    await expect(plinth("send", siteFile())).rejects.toThrow(/telemetry: is off in this site file/);
    expect(sent).not.toHaveBeenCalled();
    expect(existsSync(path.join(folder, "state/telemetry/to"))).toBe(false);
  });

  test("what is shown is what is sent", async () => {
    const bodies: string[] = [];
    let status = 503;
    jest.spyOn(globalThis, "fetch").mockImplementation(async (_url, init) => {
      if (status === 204) bodies.push(String(init?.body));
      return new Response(null, { status });
    });
    const site = { ...siteFile(), telemetry: { url: URL_A } };
    const day = jest.spyOn(Date.prototype, "toISOString").mockReturnValue("2026-11-20T10:00:00.000Z");
    await expect(plinth("send", site)).rejects.toThrow(/0 of 1 reports were sent/);
    day.mockRestore();
    said = [];
    await plinth("show", site);
    status = 204;
    await plinth("send", site);
    expect(bodies).toHaveLength(2);
    expect(said.slice(0, 3)).toEqual([...bodies, `2 reports to ${URL_A}`]);
    expect(said.at(-1)).toBe(`2 reports sent to ${URL_A}`);
    expect(waiting(spoolFolder(path.join(folder, "state/telemetry"), URL_A))).toEqual([]);
  });

  test("one vendor gets nothing of another's, and two sites are two", async () => {
    const sent: [url: string, installation: string][] = [];
    let status = 503;
    jest.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
      if (status === 204) sent.push([String(url), JSON.parse(String(init?.body)).installation]);
      return new Response(null, { status });
    });
    const site = (name: string, url: string) => ({ ...siteFile(), name, telemetry: { url } });
    const sites = [site("one", URL_A), site("two", URL_A), site("three", URL_B)];
    for (const each of sites) await expect(plinth("send", each)).rejects.toThrow(/reports were sent/);
    status = 204;
    await plinth("send", site("three", URL_B));
    expect(sent.map(([url]) => url)).toEqual([URL_B]);
    await plinth("send", site("two", URL_A));
    expect(sent.map(([url]) => url)).toEqual([URL_B, URL_A, URL_A]);
    expect(new Set(sent.map(([, installation]) => installation)).size).toBe(3);
  });
});

test.each(["http://telemetry.example.org/", "https://me:secret@telemetry.example.org/"])("%s is refused", (url) => {
  const { problems } = checkSite({ ...siteFile(), telemetry: { url } });
  expect(problems.map(({ path: at }) => at)).toEqual(["telemetry.url"]);
});
