/** When the certificates end that plinth shows to a cluster: nobody renews them for it (docs/certificates.md). */
import { X509Certificate } from "node:crypto";
import type { Problem } from "../../components/problem";
import type { ClientConfiguration } from "../../components/talos/binding";
import { type Draft, unknown } from "../draft";
import { pem } from "../kubernetes/endpoint";
import { documents } from "./yaml";

const DAY_MS = 86_400_000;
/** Days before the end from which on every preview says so. */
const WARN_DAYS = 60;
const GUIDE = "docs/certificates.md of plinth";

export interface Shown {
  readonly clientConfiguration: ClientConfiguration;
  /** @default - none yet */
  readonly kubeconfig?: string;
}

interface Ending {
  readonly path: string;
  readonly what: string;
  readonly fix: string;
  readonly end: Date;
}

/** Certificates that have ended: nothing can be read or changed with them, and waiting for an answer would be in vain. */
export function endedProblems(inputs: Draft<Shown>): readonly Problem[] {
  return endings(inputs)
    .filter(({ end }) => end.getTime() <= Date.now())
    .map(({ path, what, end, fix }) => ({
      path,
      reason: `${what} ended on ${day(end)}, by the clock of this host`,
      fix,
    }));
}

/** Certificates that end soon, a sentence each. */
export function endingSoon(inputs: Draft<Shown>): readonly string[] {
  return endings(inputs).flatMap(({ what, end, fix }) => {
    const days = Math.floor((end.getTime() - Date.now()) / DAY_MS);
    return days < 0 || days >= WARN_DAYS ? [] : [`${what} ends in ${days} days, on ${day(end)}: ${fix}`];
  });
}

function endings(inputs: Draft<Shown>): readonly Ending[] {
  if (inputs === unknown) return [];
  const { clientConfiguration, kubeconfig } = inputs;
  const found: Ending[] = [];
  if (clientConfiguration !== unknown && typeof clientConfiguration.clientCertificate === "string") {
    const end = endOf(clientConfiguration.clientCertificate);
    const what = "the certificate with which plinth speaks to Talos";
    const fix = `sign another one with the cluster's own CA, as ${GUIDE} says`;
    if (end !== undefined) found.push({ path: "clientConfiguration.clientCertificate", what, fix, end });
  }
  if (typeof kubeconfig === "string") {
    const end = endOf(clientIn(kubeconfig));
    const what = "the certificate in the kubeconfig";
    const fix = `have Talos make another one: pulumi up --replace with the URN of the Kubeconfig (${GUIDE})`;
    if (end !== undefined) found.push({ path: "kubeconfig", what, fix, end });
  }
  return found;
}

/** End of a certificate, PEM or PEM in base64; `undefined` if it is none. */
function endOf(certificate: unknown): Date | undefined {
  if (typeof certificate !== "string") return undefined;
  try {
    return new Date(new X509Certificate(pem(certificate)).validTo);
  } catch {
    return undefined;
  }
}

interface Kubeconfig {
  readonly users?: readonly { readonly user?: { readonly "client-certificate-data"?: unknown } }[];
}

function clientIn(kubeconfig: string): unknown {
  try {
    const [config] = documents(kubeconfig) as readonly (Kubeconfig | null)[];
    return Array.isArray(config?.users) ? config.users[0]?.user?.["client-certificate-data"] : undefined;
  } catch {
    return undefined;
  }
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
