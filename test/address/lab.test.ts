import { readSiteFile } from "../../components/site/file";
import { parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { Instance } from "../../lab/instance/instance";
import { netboxUrl, startNetBox } from "../../lab/rack/netbox";
import type { LabStatus } from "../../lab/status/status";
import { requester } from "../netbox/support";
import { mustLab } from "../support/lab";

/** The lab's variant with every address from NetBox, really brought up; the tests run in order on one instance. */
jest.setTimeout(900_000);

const NAME = "test-netbox";
const FILE = "stacks/Pulumi.lab-netbox.yaml";
const instance = new Instance(NAME);

async function records() {
  const plan = planSite(parseSite(readSiteFile(instance.stackFile), FILE));
  const access = await startNetBox(instance, plan);
  if (access === undefined) throw new Error("the site has a NetBox pool");
  const request = requester(access.url, access.token);
  const { body } = await request("GET", "/api/ipam/ip-addresses/?limit=0");
  const list = body.results as { id: number; address: string; dns_name: string; description: string }[];
  return { request, list };
}

// A run that was killed leaves an instance of an older state behind.
beforeAll(() => mustLab(NAME, "reset"));
afterAll(() => mustLab(NAME, "reset"));

test("a rack without a written address comes up, and NetBox knows every machine", async () => {
  await mustLab(NAME, "up", "--site", FILE);
  const status: LabStatus = JSON.parse(await mustLab(NAME, "status", "--json"));
  expect(status.nodes?.map(({ ready }) => ready)).toEqual(Array(5).fill(true));
  expect(status.netbox).toBe(netboxUrl(instance));
  const { list } = await records();
  for (const { name, address } of status.machines) {
    expect(list.find((record) => record.dns_name === `${name}.lab.example.org`)?.address).toBe(`${address}/24`);
  }
  expect(list.map(({ description }) => description)).toContain("reserved: network.gateway");
});

test("a second look changes nothing", async () => {
  // Ends with an error, which mustLab throws, when there is a change.
  await mustLab(NAME, "preview", "--expect-no-changes");
});

test("a record that someone deleted comes back at the same address, and no machine moves", async () => {
  const before = await records();
  const lost = before.list.find(({ dns_name }) => dns_name.startsWith("worker-1"));
  await before.request("DELETE", `/api/ipam/ip-addresses/${lost?.id}/`);
  await mustLab(NAME, "up");
  const { list } = await records();
  expect(list.find(({ dns_name }) => dns_name === lost?.dns_name)?.address).toBe(lost?.address);
});

test("down ends NetBox with the machines", async () => {
  await mustLab(NAME, "down");
  expect(netboxUrl(instance)).toBeUndefined();
});
