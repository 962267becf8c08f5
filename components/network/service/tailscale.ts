import type { PlatformService, Profile } from "../../kubernetes/service";
import { mergeValues, type Values } from "../../kubernetes/values";

/** Settings of the Tailscale routes. */
export interface TailscaleRoutesSettings {
  /** Size: one router, or two of which one stands by. @default "standard" */
  readonly profile?: Profile;
  /** Networks that the tailnet reaches through the cluster, as CIDRs without host bits. In place. */
  readonly routes: readonly string[];
  /** Name that its machines have in the tailnet. Renames them. */
  readonly hostname: string;
  /** Secret of the stack's configuration with the client id of an OAuth client that may make keys. @default "tailscale-client-id" */
  readonly clientId?: string;
  /** Secret of the stack's configuration with its secret. @default "tailscale-client-secret" */
  readonly clientSecret?: string;
  /** Values of the operator's chart over these settings. A key that the chart does not know is refused. @default {} */
  readonly values?: Values;
}

const NAMESPACE = "tailscale";
const ROUTER = "routes";

/** Networks of the site as routes of a tailnet. The operator makes a key only for a machine that is new. */
export function tailscaleRoutesService(settings: TailscaleRoutesSettings): PlatformService {
  const { profile = "standard", routes, hostname, values = {} } = settings;
  const { clientId = "tailscale-client-id", clientSecret = "tailscale-client-secret" } = settings;
  return {
    type: "plinth:network:TailscaleRoutes",
    name: "tailscale",
    needs: ["network"],
    provides: ["tailnet"],
    // Its routers forward packets of the whole machine.
    namespace: { name: NAMESPACE, podSecurity: "privileged" },
    secrets: {
      // The name under which the chart looks for a client that is not written into its values.
      oauth: {
        namespace: NAMESPACE,
        name: "operator-oauth",
        text: { client_id: [{ stack: clientId }], client_secret: [{ stack: clientSecret }] },
      },
    },
    chart: {
      name: "tailscale-operator",
      namespace: NAMESPACE,
      podAnnotations: "operatorConfig.podAnnotations",
      values: mergeValues({ operatorConfig: { hostname: `${hostname}-operator` } }, values),
    },
    objects: {
      router: {
        apiVersion: "tailscale.com/v1alpha1",
        kind: "Connector",
        metadata: { name: ROUTER },
        spec: {
          hostnamePrefix: hostname,
          replicas: profile === "production" ? 2 : 1,
          subnetRouter: { advertiseRoutes: [...routes].sort() },
        },
      },
    },
    exit: {
      "the tailnet has the site's routes": {
        apiVersion: "tailscale.com/v1alpha1",
        kind: "Connector",
        name: ROUTER,
        condition: "ConnectorReady",
      },
    },
  };
}
