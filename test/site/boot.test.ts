import { Site } from "../../components/site/Site";
import type { SiteFile } from "../../components/site/spec";
import { recordGraph } from "../support/graph";
import { siteFile } from "../support/site";

/** A site whose first worker boots over the network and says what it is made of. */
async function graph() {
  const site: SiteFile = siteFile();
  Object.assign(site.machines["worker-1"] ?? {}, {
    hardware: "generic-amd64",
    allowHardware: ["memory"],
    boot: { uuid: "4c4c4544-0087-3010-8052-b4c04f4d0004", device: "rack-a-7" },
    generation: 3,
  });
  const certificates = { machineSecrets: { certs: { k8s: { cert: "" } }, cluster: { id: "c" } } };
  const answers = {
    resource: (type: string) =>
      type === "talos:machine/secrets:Secrets"
        ? { ...certificates, clientConfiguration: { caCertificate: "Y2E=" } }
        : {},
    call: () => ({ machineConfiguration: "", talosConfig: "" }),
  };
  const { resources } = await recordGraph(() => new Site("site", { site }), answers);
  return (name: string) => {
    const found = resources.filter((resource) => resource.name === name);
    expect([name, found.length]).toEqual([name, 1]);
    return found[0];
  };
}

test("a machine is compared before it is installed, in its first generation and in later ones", async () => {
  const byName = await graph();
  expect(byName("site-hardware-worker-1")).toMatchObject({
    type: "plinth:hardware:Match",
    inputs: {
      machine: "worker-1",
      address: "127.77.0.21",
      profile: "generic-amd64",
      allow: ["memory"],
      generation: 3,
      declared: { mac: "52:54:00:77:00:15", uuid: "4c4c4544-0087-3010-8052-b4c04f4d0004", image: { extensions: [] } },
    },
    dependsOn: [],
  });
  expect(byName("site-worker-1")?.dependsOn).toContain("site-hardware-worker-1");
  expect(byName("site-release")?.dependsOn).toContain("site-hardware-worker-1");
  expect(byName("site-worker-2")?.dependsOn).not.toContain("site-hardware-worker-1");
});

test("its permission names the device that NetBox has to know, and what ends it", async () => {
  const byName = await graph();
  expect(byName("site-boot-worker-1")).toMatchObject({
    type: "plinth:boot:Intent",
    inputs: { action: "install", generation: 3, device: "rack-a-7", proof: { address: "127.77.0.21", ca: "ca" } },
  });
});
