/** What is on this machine, in every form that somebody reads: Go takes networks, others compare texts. */
const LOOPBACK = ["127.0.0.0/8", "127.0.0.1", "localhost"];

/** The user's hosts that are called without a proxy, and this machine. */
export function direct({ NO_PROXY, no_proxy }: NodeJS.ProcessEnv = process.env): string {
  return withLoopback(NO_PROXY, no_proxy);
}

/**
 * Keeps calls within this machine away from the user's proxy. The stack program runs in this process, where the engine's
 * client asks `http_proxy` even for 127.0.0.1.
 */
export function callDirectly(): void {
  const hosts = direct();
  process.env.NO_PROXY = hosts;
  process.env.no_proxy = hosts;
  // gRPC's own list takes the place of the other where it is set.
  if (process.env.no_grpc_proxy) process.env.no_grpc_proxy = withLoopback(process.env.no_grpc_proxy);
}

function withLoopback(...lists: readonly (string | undefined)[]): string {
  const listed = lists.flatMap((list = "") => list.split(",")).map((host) => host.trim());
  return [...new Set([...listed.filter((host) => host !== ""), ...LOOPBACK])].join(",");
}
