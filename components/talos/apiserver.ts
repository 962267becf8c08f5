/** Name of a flag, as Talos keeps it: it writes the dashes before it. */
const NAME = /^[a-z][a-z0-9-]*$/;

/**
 * Arguments of kube-apiserver that Talos sets itself and lets nobody change, of all its versions together. With one of
 * them it no longer renders the server's pod: a running server stays as it is, and a new one never comes.
 */
const OWN: ReadonlySet<string> = new Set([
  "authorization-config",
  "client-ca-file",
  "egress-selector-config-file",
  "encryption-provider-config",
  "etcd-cafile",
  "etcd-certfile",
  "etcd-keyfile",
  "etcd-servers",
  "kubelet-client-certificate",
  "kubelet-client-key",
  "proxy-client-cert-file",
  "proxy-client-key-file",
  "requestheader-client-ca-file",
  "service-account-key-file",
  "service-account-signing-key-file",
  "tls-cert-file",
  "tls-private-key-file",
]);

/** What is wrong with the name of an argument for kube-apiserver, and the way out; `undefined` if nothing is. */
export function argumentProblem(name: string): { readonly reason: string; readonly fix: string } | undefined {
  if (!NAME.test(name)) {
    const likely = name.replace(/^-+/, "").replaceAll("_", "-").toLowerCase();
    return {
      reason: `"${name}" is not the name of a flag`,
      fix: NAME.test(likely)
        ? `did you mean ${likely}?`
        : "write a flag of kube-apiserver without its dashes, as event-ttl",
    };
  }
  if (!OWN.has(name)) return undefined;
  return { reason: `Talos sets ${name} itself, and starts no API server with another one`, fix: "remove it" };
}
