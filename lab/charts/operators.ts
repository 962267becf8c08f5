/** Software that registers its own CRDs when it starts, by its chart: the program that stands for it does, too. */
export const operators: Readonly<
  Record<
    string,
    {
      /** The program in the rig. */
      readonly program: string;
      /** Folders of the chart's Go module that hold the CRDs. */
      readonly crds: readonly string[];
    }
  >
> = {
  cilium: {
    program: "cilium-operator",
    crds: ["pkg/k8s/apis/cilium.io/client/crds/v2", "pkg/k8s/apis/cilium.io/client/crds/v2alpha1"],
  },
};
