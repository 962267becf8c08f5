import { ProblemError } from "../../components/problem";
import { recordedWire } from "../http/recorded";
import { NetBox } from "../netbox/client";
import type { Context } from "../resource";
import { traced } from "../trace";

/** Opens a client for one call of the provider. */
export type Connect = (context: Context) => NetBox;

/** NetBox of the provider's configuration, else of the environment. */
export const connectNetBox: Connect = ({ config, signal }) => {
  const recorded = recordedWire("netbox");
  if (recorded !== undefined) return NetBox.connect({ url: "recorded", token: "" }, { signal }, recorded);
  const url = config.netbox?.url ?? process.env.PLINTH_NETBOX_URL;
  const token = config.netbox?.token ?? process.env.PLINTH_NETBOX_TOKEN;
  const caCertificate = config.netbox?.caCertificate;
  if (url === undefined || token === undefined) {
    throw new ProblemError("NetBox cannot be used:", [
      {
        path: url === undefined ? "netbox.url" : "netbox.token",
        reason: "is not configured",
        fix: "set plinth:netbox with url and token in the stack's configuration, or PLINTH_NETBOX_URL and PLINTH_NETBOX_TOKEN",
      },
    ]);
  }
  const client = NetBox.connect({ url, token, ...(caCertificate !== undefined && { caCertificate }) }, { signal });
  return traced("netbox", client);
};
