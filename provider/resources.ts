import type { AnyResource } from "./resource";

/** Resource types by token; each is loaded when it is first asked for, because the engine waits while a plugin starts. */
export type Resources = ReadonlyMap<string, () => Promise<AnyResource>>;

/** Every resource type this provider serves. */
export const resources: Resources = new Map([
  ["plinth:talos:Bootstrap", async () => (await import("./talos/real.js")).bootstrapResource],
  ["plinth:talos:ClusterRelease", async () => (await import("./talos/real.js")).clusterReleaseResource],
  ["plinth:boot:Intent", async () => (await import("./boot/real.js")).intentResource],
  ["plinth:hardware:Match", async () => (await import("./hardware/real.js")).matchResource],
  ["plinth:licensing:Licence", async () => (await import("./licensing/real.js")).licenceResource],
  ["plinth:kubernetes:CrdBundle", async () => (await import("./kubernetes/real.js")).crdBundleResource],
  ["plinth:kubernetes:Gate", async () => (await import("./kubernetes/real.js")).gateResource],
  ["plinth:address:Pool", async () => (await import("./address/real.js")).poolResource],
  ["plinth:address:Claim", async () => (await import("./address/real.js")).claimResource],
  ["plinth:latitude:Server", async () => (await import("./latitude/real.js")).serverResource],
  ["plinth:latitude:VirtualNetwork", async () => (await import("./latitude/real.js")).virtualNetworkResource],
]);
