/** The outside world as the Talos resources see it; tests hand in one that fails. */
import type { ClientConfiguration } from "../components/talos/binding";
import { kubernetes } from "./kubernetes/client";
import { type Endpoint, httpEndpoint } from "./kubernetes/endpoint";
import type { Kubernetes } from "./kubernetes/kubernetes";
import { talosctl } from "./talosctl/client";
import { talosctlVersion } from "./talosctl/run";
import type { Talos } from "./talosctl/talos";

export interface Drivers {
  talos(credentials: ClientConfiguration, redact: (text: string) => string): Talos;
  /** Version of the talosctl that {@link talos} uses; `undefined` if there is none. Asks no machine. */
  talosctlVersion(signal: AbortSignal): Promise<string | undefined>;
  kubernetes(kubeconfig: string): Kubernetes;
  readonly endpoint: Endpoint;
  /** Pause between two looks while waiting, in milliseconds. */
  readonly pollMs: number;
}

export const realDrivers: Drivers = {
  talos: talosctl,
  talosctlVersion,
  kubernetes,
  endpoint: httpEndpoint(),
  pollMs: 1000,
};
