import { kubernetesVersions, unbuildable, withStepsBetween } from "../../lab/build/versions";

describe("versions of simulated machines", () => {
  it("fill in the steps that an upgrade takes between two versions, the newest build of each minor", () => {
    const versions = { talos: ["v1.14.1", "v1.12.0"], kubernetes: ["v1.36.3", "v1.35.4"] };
    expect(withStepsBetween(versions)).toEqual({
      talos: ["v1.14.1", "v1.12.0", "v1.13.9"],
      kubernetes: ["v1.36.3", "v1.35.4"],
    });
    expect(withStepsBetween({ talos: ["v1.13.0"], kubernetes: ["v1.36.3"] })).toEqual({
      talos: ["v1.13.0"],
      kubernetes: ["v1.36.3"],
    });
  });

  it("are refused when they cannot be had, each with what can", () => {
    const problems = unbuildable({ talos: ["v1.13.5", "v1.10.2"], kubernetes: ["v1.34.1", "v1.36.3"] }, (what) => what);
    expect(problems).toEqual([
      {
        path: "talos",
        reason: "the lab has no machines with Talos v1.10.2",
        fix: "take a version of v1.11, v1.12, v1.13, v1.14",
      },
      {
        path: "kubernetes",
        reason: "the lab cannot build the control plane of Kubernetes v1.34.1",
        fix: `take one of ${kubernetesVersions.join(", ")}`,
      },
    ]);
    expect(kubernetesVersions).toContain("v1.35.4");
  });
});
