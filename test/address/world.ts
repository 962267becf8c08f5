import { netboxBackend } from "../../provider/address/netbox";
import { NetBoxError } from "../../provider/netbox/errors";
import { Recorder } from "../provider/faults";
import { LocalNetBox } from "../support/netbox";

/** The NetBox backend on a NetBox of its own with one prefix, every request counted. */
export function netboxWorld() {
  const local = new LocalNetBox();
  local.send("POST", "ipam/prefixes/", { prefix: "10.0.3.0/27" });
  const recorder = new Recorder(({ name }) =>
    name === "post"
      ? new NetBoxError("unknown", "connection refused")
      : new NetBoxError("server", "connection refused"),
  );
  const backend = netboxBackend(() => {
    const counted = recorder.wrap(local.client(), new Set(["post", "patch", "remove"]));
    // Letting go of a connection is no call that can fail.
    return new Proxy(counted, {
      get: (client, name) => (name === "close" ? () => undefined : Reflect.get(client, name)),
    });
  });
  return { backend, recorder, local, snapshot: () => [local.records(), local.ports()] };
}
