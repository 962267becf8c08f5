package cluster

import (
	"fmt"
	"path/filepath"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config"

	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/pki"
	"plinth.dev/lab/rig/internal/process"
	"plinth.dev/lab/rig/internal/settings"
)

// apiServerAddress is where a machine's own API server listens.
func apiServerAddress(s *machine.Session, cfg config.Provider) string {
	return fmt.Sprintf("https://%s:%d", s.Spec.Address, settings.APIPort(cfg))
}

// apiServerCommand renders the API server of one machine from its configuration.
func apiServerCommand(s *machine.Session, cfg config.Provider, path, etcd string) (*process.Command, error) {
	dir := filepath.Join(s.RunDir(), "kube-apiserver")
	in := func(name string) []string { return []string{filepath.Join(dir, name)} }
	names := apiServerNames(s, cfg)

	documents, err := apiServerDocuments(cfg)
	if err != nil {
		return nil, err
	}

	documents[egressFile] = egressDocument(s)

	args := map[string][]string{
		"admission-control-config-file":      in("admission.yaml"),
		"advertise-address":                  {s.Spec.Address},
		"allow-privileged":                   {"true"},
		"anonymous-auth":                     {"false"},
		"api-audiences":                      audiences(cfg),
		"audit-policy-file":                  in("audit.yaml"),
		"audit-log-path":                     {filepath.Join(s.RunDir(), "log", "audit.log")},
		"audit-log-maxsize":                  {"10"},
		"audit-log-maxbackup":                {"1"},
		"authorization-mode":                 {"Node,RBAC"},
		"bind-address":                       {s.Spec.Address},
		"client-ca-file":                     in("ca.crt"),
		"enable-admission-plugins":           {"NodeRestriction"},
		"enable-bootstrap-token-auth":        {"true"},
		"encryption-provider-config":         in("encryption.yaml"),
		"egress-selector-config-file":        in(egressFile),
		"etcd-cafile":                        in("etcd-ca.crt"),
		"etcd-certfile":                      in("etcd-client.crt"),
		"etcd-keyfile":                       in("etcd-client.key"),
		"etcd-servers":                       {etcd},
		"kubelet-client-certificate":         in("kubelet-client.crt"),
		"kubelet-client-key":                 in("kubelet-client.key"),
		"kubelet-preferred-address-types":    {"InternalIP,ExternalIP,Hostname"},
		"profiling":                          {"false"},
		"proxy-client-cert-file":             in("front-proxy.crt"),
		"proxy-client-key-file":              in("front-proxy.key"),
		"requestheader-allowed-names":        {"front-proxy-client"},
		"requestheader-client-ca-file":       in("aggregator-ca.crt"),
		"requestheader-extra-headers-prefix": {"X-Remote-Extra-"},
		"requestheader-group-headers":        {"X-Remote-Group"},
		"requestheader-username-headers":     {"X-Remote-User"},
		"secure-port":                        {fmt.Sprint(settings.APIPort(cfg))},
		"service-account-issuer":             issuers(cfg),
		"service-account-key-file":           in("service-account.pub"),
		"service-account-signing-key-file":   in("service-account.key"),
		"service-cluster-ip-range":           {joined(settings.Prefixes(settings.Network(cfg).ServiceCIDRs()))},
		"tls-cert-file":                      in("apiserver.crt"),
		"tls-private-key-file":               in("apiserver.key"),
		"tls-min-version":                    {"VersionTLS12"},
		// Loopback addresses are refused as endpoints of the kubernetes service.
		"endpoint-reconciler-type": {"none"},
	}

	if documents[authenticationFile] != nil {
		delete(args, "anonymous-auth")
		args["authentication-config"] = in(authenticationFile)
	}

	additive := []string{"enable-admission-plugins", "feature-gates", "authorization-mode", "tls-cipher-suites"}
	denied := []string{
		"etcd-servers", "client-ca-file", "requestheader-client-ca-file", "proxy-client-cert-file", "proxy-client-key-file",
		"encryption-provider-config", "etcd-cafile", "etcd-certfile", "etcd-keyfile", "kubelet-client-certificate", "kubelet-client-key",
		"service-account-key-file", "service-account-signing-key-file", "tls-cert-file", "tls-private-key-file", "authorization-config",
		"egress-selector-config-file",
	}

	if err = merge(args, cfg.K8sAPIServerConfig().ExtraArgs(), additive, denied); err != nil {
		return nil, err
	}

	inputs := fingerprint(names.Normalised(), documents, string(settings.KubernetesCA(cfg).Crt), string(settings.AggregatorCA(cfg).Crt))

	if err = writeOnce(dir, inputs, func() (files, error) { return apiServerFiles(cfg, names, documents) }); err != nil {
		return nil, err
	}

	return &process.Command{
		Path: path, Args: flags(args), Inputs: inputs,
		// Small enough for several of them on one laptop.
		Env: append(environment(cfg.K8sAPIServerConfig().Env()), "GOGC=40", "GOMEMLIMIT=320MiB", "GOMAXPROCS=2"),
	}, nil
}

// apiServerNames are the subject alternative names of the serving certificate.
func apiServerNames(s *machine.Session, cfg config.Provider) pki.Names {
	domain := settings.Network(cfg).DNSDomain()
	names := pki.Names{
		settings.Endpoint(cfg).Hostname(), s.Spec.Address, "127.0.0.1", "localhost", s.Hostname(),
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + domain,
	}

	for _, ip := range settings.APIServerIPs(cfg) {
		names = append(names, ip.String())
	}

	for _, vip := range s.VirtualIPs() {
		names = append(names, vip.String())
	}

	return append(names, cfg.K8sAPIServerConfig().CertSANs()...)
}

func apiServerFiles(cfg config.Provider, names pki.Names, documents files) (files, error) {
	out := files{
		"ca.crt": settings.KubernetesCA(cfg).Crt, "aggregator-ca.crt": settings.AggregatorCA(cfg).Crt, "etcd-ca.crt": cfg.Cluster().Etcd().CA().Crt,
	}

	for name, content := range documents {
		out[name] = content
	}

	for _, ca := range cfg.K8sAPIServerCAConfig().AcceptedCAs() {
		out["ca.crt"] = append(append(out["ca.crt"], '\n'), ca.Crt...)
	}

	if err := addServiceAccount(out, settings.ServiceAccountKey(cfg)); err != nil {
		return nil, err
	}

	for name, request := range map[string]struct {
		authority *x509.PEMEncodedCertificateAndKey
		leaf      pki.Leaf
	}{
		"apiserver":      {settings.KubernetesCA(cfg), pki.Leaf{Name: "kube-apiserver", Usage: pki.ServerAuth, Names: names}},
		"kubelet-client": {settings.KubernetesCA(cfg), pki.Leaf{Name: "apiserver-kubelet-client", Organizations: []string{"system:masters"}, Usage: pki.ClientAuth}},
		"front-proxy":    {settings.AggregatorCA(cfg), pki.Leaf{Name: "front-proxy-client", Usage: pki.ClientAuth}},
		"etcd-client":    {cfg.Cluster().Etcd().CA(), pki.Leaf{Name: "kube-apiserver", Usage: pki.ClientAuth}},
	} {
		pair, err := pki.Issue(request.authority, request.leaf)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}

		out.add(name, pair)
	}

	return out, nil
}

func addServiceAccount(out files, key *x509.PEMEncodedKey) error {
	public, err := pki.PublicKey(key.Key)
	if err != nil {
		return fmt.Errorf("service account key: %w", err)
	}

	out["service-account.key"], out["service-account.pub"] = key.Key, public

	return nil
}
