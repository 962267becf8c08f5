import { formatProblem } from "../../components/problem";
import { nodeModel } from "../../components/site/nodes";
import { checkSite, parseSite } from "../../components/site/parse";
import { planSite } from "../../components/site/plan";
import { nodePatches } from "../../components/talos/config/render";
import { siteAt } from "./sites";

const withGpu = (edit: Parameters<typeof siteAt>[1] = () => undefined) =>
  siteAt("latitude", (site) => {
    site.machines["worker-1"] = { ...site.machines["worker-1"], gpus: 1, size: "g3-large-x86" };
    site.platform = {};
    edit(site);
  });
const plan = (site = withGpu()) => planSite(parseSite(site));
const node = (key: string, site = withGpu()) => {
  const found = plan(site).nodes.find((each) => each.key === key);
  if (found === undefined) throw new Error(`no node ${key}`);
  return found;
};
const patches = (key: string, contract: "v1.13" | "v1.14") =>
  nodePatches(nodeModel(plan(), node(key), { address: "10.0.3.21" }), contract).join("\n---\n");

test("a machine with a GPU has an image of its own with the driver; the others keep the site's", () => {
  const { talos } = plan();
  expect(node("worker-1").image?.schematic.yaml).toMatch(
    /nvidia-container-toolkit-lts\n.*nvidia-open-gpu-kernel-modules-lts/,
  );
  expect(node("worker-1").image?.installer).not.toBe(talos.installer);
  expect(node("worker-2").image).toBeUndefined();
  expect(patches("worker-1", "v1.13")).toContain(node("worker-1").image?.installer);
  expect(patches("worker-2", "v1.13")).toContain(talos.installer);
});

test("its kernel loads the modules, and its Node has the label that NVIDIA's charts look for", () => {
  expect(patches("worker-1", "v1.13")).toMatch(/modules:\n\s+- name: nvidia\n\s+- name: nvidia_uvm/);
  expect(patches("worker-1", "v1.14")).toMatch(/kind: KernelModuleConfig\nname: nvidia_uvm/);
  expect(patches("worker-1", "v1.14")).toContain("net.core.bpf_jit_harden");
  expect(patches("worker-1", "v1.13")).toContain("nvidia.com/gpu.present");
  expect(patches("worker-2", "v1.13")).not.toContain("nvidia");
});

test("the platform gets the device plugin behind the network, with its RuntimeClass before it", () => {
  const { platform } = plan();
  const service = platform?.services.find(({ name }) => name === "nvidia-device-plugin");
  expect(service?.first).toMatchObject({ "runtime-class": { kind: "RuntimeClass", handler: "nvidia" } });
  expect(service?.chart?.values).toMatchObject({ runtimeClassName: "nvidia" });
  const without = siteAt("latitude", (site) => {
    site.platform = {};
  });
  expect(plan(without).platform?.services.map(({ name }) => name)).not.toContain("nvidia-device-plugin");
});

test("without a platform nobody hands it to pods, which is said", () => {
  const bare = withGpu((site) => {
    delete site.platform;
  });
  expect(plan(bare).warnings).toContain(
    "worker-1: nothing hands the GPU to pods; a platform section brings NVIDIA's device plugin",
  );
});

test("a schematic by its id cannot have the driver added", () => {
  const site = withGpu((file) => {
    file.talos.schematic = "a".repeat(64);
  });
  expect(checkSite(site).problems.map(formatProblem)).toEqual([
    "talos.schematic: it is the image of every machine, and worker-1 needs NVIDIA's driver in its own (write what the image is made of in talos.extensions instead)",
  ]);
});
