import { parseSite } from "../../components/site/parse";
import type { NodePlan, SitePlan } from "../../components/site/plan";
import { planSite } from "../../components/site/plan";
import { rackFor } from "../../lab/rack/hardware";
import { siteFile } from "../support/site";

function plan(change: (site: ReturnType<typeof siteFile>) => void = () => {}): SitePlan {
  const site = siteFile("lab");
  change(site);
  return planSite(parseSite(site));
}

function systemDisk(disk: NodePlan["disk"]) {
  const [machine] = rackFor(
    plan((site) => Object.assign(site.machines["cp-1"], { disk })),
    [],
  );
  return machine?.disks[0];
}

describe("the rack of a site", () => {
  it("holds every machine at its address, the same hardware each time", () => {
    const rack = rackFor(plan(), []);
    expect(rack.map(({ name, address }) => `${name} ${address}`)).toEqual([
      "cp-1 127.77.0.11",
      "cp-2 127.77.0.12",
      "cp-3 127.77.0.13",
      "worker-1 127.77.0.21",
      "worker-2 127.77.0.22",
    ]);
    expect(rackFor(plan(), [])).toEqual(rack);
    expect(new Set(rack.map(({ uuid }) => uuid)).size).toBe(5);
    expect(new Set(rack.flatMap(({ disks }) => disks.map(({ wwid }) => wwid))).size).toBe(10);
  });

  it("has the disk that the site file installs on", () => {
    expect(systemDisk({ wwid: "naa.1" })).toMatchObject({ wwid: "naa.1" });
    expect(systemDisk({ serial: "S1" })).toMatchObject({ serial: "S1" });
    expect(systemDisk({ selector: { type: "nvme", size: ">= 100GB" } })).toMatchObject({
      transport: "nvme",
      sizeGiB: 95,
    });
    expect(systemDisk({ selector: { model: "WD*" } })).toMatchObject({ model: "WDX" });
    expect(systemDisk({ selector: { size: "< 32GiB" } })?.sizeGiB).toBeLessThan(32);
  });

  it("keeps a present machine's boot medium: another version is an upgrade, not another machine", () => {
    const before = rackFor(plan(), []);
    const newer = plan((site) => {
      site.talos.version = "v1.13.9";
    });
    expect(rackFor(newer, before)).toEqual(before);
    expect(rackFor(newer, before.slice(1)).map(({ talos }) => talos)[0]).toBe("v1.13.9");
  });
});
