export { formatProblem, type Problem, ProblemError } from "./problem";
export { Facts, type FactsArgs } from "./site/Facts";
export { checkSite, parseSite } from "./site/parse";
export { planSite, type SitePlan } from "./site/plan";
export { Site, type SiteArgs } from "./site/Site";
export type { SiteFile, SiteSpec } from "./site/spec";
export { Bootstrap, type BootstrapArgs } from "./talos/Bootstrap";
export { ClusterRelease, type ClusterReleaseArgs } from "./talos/ClusterRelease";
export { TalosCluster, type TalosClusterArgs, type TalosNodeArgs } from "./talos/TalosCluster";
